import { Socket } from 'node:net';

/** Bytes a program or a FIFO may give: cryptsetup(8) takes no larger key file by default. */
export const PASSWORD_LIMIT_BYTES = 8 * 1024 * 1024;

/** What comes out of a pipe, which may be a password: overwritten unless it is taken. */
export class PasswordPipe {
  /** Settles at its end, and when it is discarded; never rejects. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  /**
   * @param descriptor the end of a pipe or FIFO to read from, closed here
   * @param tooLong called once when more than PASSWORD_LIMIT_BYTES have come; the rest is not read
   */
  constructor(descriptor: number, tooLong: () => void) {
    this.#socket = new Socket({ fd: descriptor, readable: true, writable: false });
    this.closed = new Promise(resolve => {
      this.#socket.once('close', () => resolve());
    });
    // An error of reading is an end as any other: what counts is how the writer ended.
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      if (!this.isTooLong) return;
      this.#socket.destroy();
      tooLong();
    });
  }

  get isTooLong(): boolean {
    return this.#length > PASSWORD_LIMIT_BYTES;
  }

  /** All of it, the caller's to overwrite. */
  take(): Uint8Array {
    const all = Buffer.concat(this.#chunks);
    this.discard();
    return all;
  }

  /** Closes and overwrites it. */
  discard(): void {
    this.#socket.destroy();
    for (const chunk of this.#chunks.splice(0)) chunk.fill(0);
  }
}
