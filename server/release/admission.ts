import { counted } from '../../common/counted.js';
import { DueQueue } from '../../common/due-queue.js';
import type { ServerLimits } from '../config/limits.js';
import { networkMatcher } from '../config/networks.js';
import { addressUnit, isOnLink } from './address-unit.js';
import type { Waiting } from './waiting-room.js';
import { WaitingRoom } from './waiting-room.js';

/** Failures are counted per minute. */
const RATE_MS = 60_000;

/**
 * Peers remembered for their failures alone, at some 400 bytes each. With more, the one whose failures are forgiven
 * first is forgotten: it begins anew, as one that never failed. Those at their limit stay. Whoever fills the table with
 * so many networks that are all at theirs was let in hundreds of thousands of times a minute before that; against
 * him there are only the limits of connections at once.
 */
export const FAILED_PEERS_MAX = 16_384;

/** So many are asked for their place for one newcomer; those who prove their key at that moment keep it. */
const ASKED_FOR_PLACE = 8;

/** Each is worth this part of a permission: sums of fractions of a minute are not exact. */
const ROUNDING = 0.01;

export type AdmissionLimits = Pick<
  ServerLimits,
  'maxConnections' | 'maxConnectionsPerAddress' | 'maxFailedHandshakes' | 'allow' | 'deny' | 'linkLocalOnly'
>;

/** Why a connection is not served. */
export type AdmissionCode =
  'denied-network' | 'not-link-local' | 'too-many' | 'too-many-from-address' | 'too-many-failures';

/** A connection that is served, until it is closed. */
export interface Ticket {
  /**
   * It has proven nothing: from now on it may be asked to give its place to another, when there are no more.
   * @param giveWay closes it, or says that it has proven its key
   */
  waits(giveWay: () => void): void;
  /** It keeps its place. */
  proven(): void;
  /** It has failed before a key was proven: garbage, an error of TLS, a time-out. Counts once, and before close(). */
  failed(): void;
  /** It is gone. May be called again. */
  close(): void;
}

export type Admitted =
  | { readonly kind: 'admitted'; readonly ticket: Ticket }
  /** `reason` is for the log, and names the option of mandos.conf. */
  | { readonly kind: 'refused'; readonly code: AdmissionCode; readonly reason: string };

export interface AdmissionCounts {
  /** At once, now. */
  readonly connections: number;
  /** Since the start. */
  readonly admitted: number;
  /** Since the start; with `too-many`, those too that were admitted and have given their place to others. */
  readonly refused: Readonly<Record<AdmissionCode, number>>;
}

/** Of a door that nobody has come to. */
export const NO_COUNTS: AdmissionCounts = {
  connections: 0,
  admitted: 0,
  refused: {
    'denied-network': 0,
    'not-link-local': 0,
    'too-many': 0,
    'too-many-from-address': 0,
    'too-many-failures': 0,
  },
};

/** One peer as addressUnit() has it, as long as it has connections or failures. */
interface PeerRecord {
  readonly unit: string;
  connections: number;
  /** When its failures are forgiven: each adds its share of a minute (GCRA, ITU-T I.371: a token bucket as one time). */
  innocentMs: number;
}

/**
 * Decides which connections are served: by network, by how many there are, and by how many from the same peer have
 * failed. Limits are read at each decision, so that a change is in effect at once; connections that are there stay.
 */
export class Admission {
  readonly #limits: () => AdmissionLimits;
  readonly #nowMs: () => number;
  readonly #peers = new Map<string, PeerRecord>();
  /** Those without connections. */
  readonly #failedPeers = new DueQueue<PeerRecord>();
  #failedPeersCount = 0;
  readonly #waitingRoom = new WaitingRoom<PeerRecord>();
  readonly #isAllowed = cachedMatcher();
  readonly #isDenied = cachedMatcher();
  #connections = 0;
  #admitted = 0;
  readonly #refused: Record<AdmissionCode, number> = { ...NO_COUNTS.refused };

  /**
   * @param limits as they are now
   * @param nowMs the clock: milliseconds of any origin, never going back
   */
  constructor(limits: () => AdmissionLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  /** @param address of the peer, as its socket has it */
  admit(address: string): Admitted {
    const limits = this.#limits();
    const { allow, deny, linkLocalOnly, maxConnections, maxConnectionsPerAddress } = limits;
    if (deny !== '' && this.#isDenied(deny, address)) {
      return this.#refuse('denied-network', 'its network is denied (deny)');
    }
    if (allow !== '' && !this.#isAllowed(allow, address)) {
      return this.#refuse('denied-network', 'its network is not allowed (allow)');
    }
    if (linkLocalOnly && !isOnLink(address)) {
      return this.#refuse('not-link-local', 'it has no link-local address (link_local_only)');
    }
    const unit = addressUnit(address);
    const peer = this.#peers.get(unit);
    if (peer && !this.#hasPermission(peer, limits)) {
      const reason = `too many connections from ${unit} have failed (max_failed_handshakes)`;
      return this.#refuse('too-many-failures', reason);
    }
    if (peer && peer.connections >= maxConnectionsPerAddress) {
      const reason = `${unit} has ${counted(peer.connections, 'connection')} (max_connections_per_address)`;
      return this.#refuse('too-many-from-address', reason);
    }
    if (this.#connections >= maxConnections && !this.#makeRoom(peer, maxConnections)) {
      // Without a number: of a worker it would be that of its share.
      return this.#refuse('too-many', 'too many connections (max_connections)');
    }
    // Looked up again: who was innocent may have been forgotten while room was made.
    return { kind: 'admitted', ticket: this.#open(this.#peers.get(unit) ?? this.#addPeer(unit)) };
  }

  counts(): AdmissionCounts {
    return { connections: this.#connections, admitted: this.#admitted, refused: { ...this.#refused } };
  }

  /** How many peers are remembered: those with connections, and FAILED_PEERS_MAX others at most. */
  get remembered(): number {
    return this.#peers.size;
  }

  #refuse(code: AdmissionCode, reason: string): Admitted {
    this.#refused[code]++;
    return { kind: 'refused', code, reason };
  }

  /** Whether one who has proven nothing has given its place to one of this peer. */
  #makeRoom(peer: PeerRecord | undefined, maxConnections: number): boolean {
    const own = peer ? this.#waitingRoom.count(peer) : 0;
    for (let i = 0; i < ASKED_FOR_PLACE; i++) {
      const one = this.#waitingRoom.next(own, this.#nowMs());
      if (!one) return false;
      one.giveWay();
      if (this.#connections >= maxConnections) continue;
      this.#refused['too-many']++;
      return true;
    }
    return false;
  }

  #hasPermission({ innocentMs }: PeerRecord, { maxFailedHandshakes }: AdmissionLimits): boolean {
    const leftMs = innocentMs - this.#nowMs();
    return leftMs <= 0 || (leftMs / RATE_MS) * maxFailedHandshakes <= maxFailedHandshakes - 1 + ROUNDING;
  }

  #addPeer(unit: string): PeerRecord {
    const peer = { unit, connections: 0, innocentMs: -Infinity };
    this.#peers.set(unit, peer);
    return peer;
  }

  #open(peer: PeerRecord): Ticket {
    if (peer.connections === 0 && peer.innocentMs !== -Infinity) {
      this.#failedPeers.delete(peer);
      this.#failedPeersCount--;
    }
    peer.connections++;
    this.#connections++;
    this.#admitted++;
    let hasFailed = false;
    let isClosed = false;
    let waiting: Waiting | undefined;
    const proven = () => {
      if (waiting) this.#waitingRoom.delete(peer, waiting);
      waiting = undefined;
    };
    return {
      waits: giveWay => {
        if (waiting || isClosed) return;
        waiting = { sinceMs: this.#nowMs(), giveWay };
        this.#waitingRoom.add(peer, waiting);
      },
      proven,
      failed: () => {
        if (!hasFailed && !isClosed) this.#countFailure(peer);
        hasFailed = true;
      },
      close: () => {
        proven();
        if (!isClosed) this.#close(peer);
        isClosed = true;
      },
    };
  }

  /**
   * More than a minute's permissions are never missing: failures of connections that were there at once, when the
   * server or the network was slow for example, do not shut their peer out for longer.
   */
  #countFailure(peer: PeerRecord): void {
    const nowMs = this.#nowMs();
    const shareMs = RATE_MS / this.#limits().maxFailedHandshakes;
    peer.innocentMs = Math.min(Math.max(peer.innocentMs, nowMs) + shareMs, nowMs + RATE_MS);
  }

  #close(peer: PeerRecord): void {
    peer.connections--;
    this.#connections--;
    if (peer.connections > 0) return;
    const nowMs = this.#nowMs();
    if (peer.innocentMs > nowMs) {
      this.#failedPeers.set(peer, peer.innocentMs);
      this.#failedPeersCount++;
    } else this.#peers.delete(peer.unit);
    this.#forget(nowMs);
  }

  /** Forgets who is innocent by now, or nearest to it when there are too many. */
  #forget(nowMs: number): void {
    for (;;) {
      const dueMs = this.#failedPeersCount > FAILED_PEERS_MAX ? Infinity : nowMs;
      const peer = this.#failedPeers.takeDue(dueMs);
      if (!peer) return;
      this.#failedPeersCount--;
      this.#peers.delete(peer.unit);
    }
  }
}

/** networkMatcher() for a text that seldom changes. */
function cachedMatcher(): (networks: string, address: string) => boolean {
  let matched = '';
  let isInside = networkMatcher(matched);
  return (networks, address) => {
    if (networks !== matched) {
      isInside = networkMatcher(networks);
      matched = networks;
    }
    return isInside(address);
  };
}
