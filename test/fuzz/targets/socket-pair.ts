import { readSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { closeDescriptor, endWriting } from '../../../common/libc-tcp.js';
import { failed, SOCK_CLOEXEC, SOCK_NONBLOCK } from '../../../common/libc.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;

const socketpair = koffi
  .load('libc.so.6')
  .func('int socketpair(int domain, int type, int protocol, _Out_ int *pair)') as unknown as (
  domain: number,
  type: number,
  protocol: number,
  pair: Int32Array,
) => number;

/** A real connection of which the program has one end, without a network and its ports. */
export class SocketPair {
  /** The program's, and its to close. */
  readonly theirs: number;
  readonly #ours: number;

  constructor() {
    const pair = new Int32Array(2);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) !== 0)
      throw failed('socketpair');
    [this.theirs, this.#ours] = [pair[0] ?? -1, pair[1] ?? -1];
  }

  /** Sends what there is room for; the program may have hung up. */
  send(bytes: Uint8Array): void {
    try {
      if (bytes.length > 0) writeSync(this.#ours, bytes);
    } catch (error) {
      orNothing(error);
    }
  }

  /** What has come. */
  receive(): Buffer {
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = Buffer.alloc(64 * 1024);
      try {
        const bytes = readSync(this.#ours, chunk);
        if (bytes === 0) break;
        chunks.push(chunk.subarray(0, bytes));
      } catch (error) {
        orNothing(error);
        break;
      }
    }
    return Buffer.concat(chunks);
  }

  /** The peer hangs up. */
  end(): void {
    endWriting(this.#ours);
  }

  close(): void {
    closeDescriptor(this.#ours);
  }

  /** For a program that does not do so itself. */
  closeTheirs(): void {
    closeDescriptor(this.theirs);
  }
}

function orNothing(error: unknown): void {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EAGAIN' && code !== 'EPIPE' && code !== 'ECONNRESET') throw error;
}
