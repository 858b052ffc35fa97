/** One who is alone from its address keeps its place so long: at a fair pace a handshake takes milliseconds. */
export const ALONE_KEEPS_MS = 1_000;

/** A connection that has proven nothing yet. */
export interface Waiting {
  readonly sinceMs: number;
  /** Goes, unless what it has been sent meanwhile proves its key. */
  readonly giveWay: () => void;
}

/**
 * Who may have to give their place to others when there are no more: peers by how many connections they have that have
 * proven nothing yet. Each step takes the same time, however many there are.
 */
export class WaitingRoom<Peer> {
  readonly #waiting = new Map<Peer, Set<Waiting>>();
  /** Peers with so many, those first who have had so many for longest. */
  readonly #peersWith: Set<Peer>[] = [];
  #most = 0;

  count(peer: Peer): number {
    return this.#waiting.get(peer)?.size ?? 0;
  }

  add(peer: Peer, one: Waiting): void {
    const all = this.#waiting.get(peer) ?? new Set();
    this.#waiting.set(peer, all);
    this.#change(peer, all, () => all.add(one));
  }

  delete(peer: Peer, one: Waiting): void {
    const all = this.#waiting.get(peer);
    if (!all?.has(one)) return;
    this.#change(peer, all, () => all.delete(one));
    if (all.size === 0) this.#waiting.delete(peer);
  }

  /**
   * Who is to make room for a newcomer: the oldest of the peer that has the most, if that has more than the newcomer's.
   * So whoever takes all places loses them to those who want one. With an address for each of them he keeps them for
   * ALONE_KEEPS_MS, and is refused as one who has failed when he comes again too often.
   * @param own how many the newcomer's peer has
   */
  next(own: number, nowMs: number): Waiting | undefined {
    while (this.#most > 0 && !this.#peersWith[this.#most]?.size) this.#most--;
    if (this.#most <= own) return undefined;
    const [peer] = this.#peersWith[this.#most] ?? [];
    const [oldest] = (peer !== undefined && this.#waiting.get(peer)) || [];
    const isAlone = this.#most === 1;
    return oldest && isAlone && nowMs - oldest.sinceMs < ALONE_KEEPS_MS ? undefined : oldest;
  }

  #change(peer: Peer, all: ReadonlySet<Waiting>, change: () => void): void {
    this.#peersWith[all.size]?.delete(peer);
    change();
    if (all.size === 0) return;
    (this.#peersWith[all.size] ??= new Set()).add(peer);
    this.#most = Math.max(this.#most, all.size);
  }
}
