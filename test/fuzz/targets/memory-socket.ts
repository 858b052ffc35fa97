import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/** What TlsStream asks of a socket, in memory: what is written goes to `onWrite`, and `deliver` brings what comes. */
export class MemorySocket extends Duplex {
  readonly #onWrite: (chunk: Buffer) => void;

  #hasEnded = false;

  constructor(onWrite: (chunk: Buffer) => void) {
    super({ allowHalfOpen: true, autoDestroy: true });
    this.#onWrite = onWrite;
  }

  /** @param chunk null for the peer's end */
  deliver(chunk: Buffer | null): void {
    if (this.destroyed || this.#hasEnded) return;
    this.#hasEnded = chunk === null;
    this.push(chunk);
  }

  get socket(): Socket {
    return this as unknown as Socket;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#onWrite(chunk);
    done();
  }
}
