import { closeSync } from 'node:fs';
import { connectDatagramSocket, sendDatagram } from '../../common/libc-datagram.js';

/** Milliseconds between two tries while the receiver takes nothing: the first pause, doubled up to the longest. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;

/** Milliseconds that the end of the process may be held up for datagrams that still wait. */
const EXIT_LIMIT_MS = 200;

/**
 * Sends datagrams to a Unix socket in order, connecting again when the receiver has restarted. What the receiver does
 * not take at once waits, up to a limit; the caller never does. What waits when the process ends is tried once more.
 */
export class DatagramQueue {
  readonly #path: string;
  readonly #waitingMax: number;
  readonly #onDrained: () => void;
  readonly #waiting: Uint8Array[] = [];
  #fd: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = FIRST_PAUSE_MS;

  /**
   * @param path of the receiver; one that begins with a zero byte is an abstract name
   * @param waitingMax how many datagrams may wait
   * @param onDrained called whenever none waits any more; may send
   */
  constructor(path: string, waitingMax: number, onDrained: () => void = () => {}) {
    this.#path = path;
    this.#waitingMax = waitingMax;
    this.#onDrained = onDrained;
    process.on('exit', () => this.#flushAtExit());
  }

  /** @returns false when it is dropped, since too many wait */
  send(datagram: Uint8Array): boolean {
    if (this.#waiting.length >= this.#waitingMax) return false;
    this.#waiting.push(datagram);
    if (this.#timer === undefined) this.#flush();
    return true;
  }

  #flush(): void {
    const before = this.#waiting.length;
    const outcome = this.#sendWaiting();
    if (this.#waiting.length < before) this.#pauseMs = FIRST_PAUSE_MS;
    if (outcome === 'sent') {
      this.#onDrained();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#flush();
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  #flushAtExit(): void {
    const endMs = performance.now() + EXIT_LIMIT_MS;
    while (this.#sendWaiting() === 'full' && performance.now() < endMs) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FIRST_PAUSE_MS);
    }
  }

  #sendWaiting(): 'sent' | 'full' | 'absent' {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const outcome = this.#trySend(next);
      if (outcome !== 'sent') return outcome;
      this.#waiting.shift();
    }
    return 'sent';
  }

  #trySend(datagram: Uint8Array): 'sent' | 'full' | 'absent' {
    try {
      this.#fd ??= connectDatagramSocket(this.#path);
    } catch {
      return 'absent';
    }
    const error = sendDatagram(this.#fd, datagram);
    // One that is too long for the receiver would always be.
    if (error === undefined || error === 'EMSGSIZE') return 'sent';
    if (error === 'EAGAIN' || error === 'ENOBUFS') return 'full';
    // The receiver has gone, or restarted: the next try connects anew.
    closeSync(this.#fd);
    this.#fd = undefined;
    return 'absent';
  }
}
