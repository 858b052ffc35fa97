import { copyFromNative, copyToNative } from '../libc.js';
import type { Transport } from './gnutls.js';

/** Queues between a socket and GnuTLS, both of ciphertext. */
export class MemoryTransport implements Transport {
  /** Bytes from the peer that GnuTLS has not taken yet. */
  inboundBytes = 0;
  /** The peer has sent its FIN: when the queue is empty, GnuTLS sees the end. */
  inboundEnded = false;
  readonly #inbound: Uint8Array[] = [];
  #outbound: Buffer[] = [];

  /** Queues bytes that came from the peer. */
  receive(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#inbound.push(chunk);
    this.inboundBytes += chunk.length;
  }

  /** All that GnuTLS wants sent since the last call, in order, or undefined. */
  takeOutbound(): Buffer | undefined {
    const chunks = this.#outbound;
    if (chunks.length === 0) return undefined;
    this.#outbound = [];
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  }

  push(address: bigint, bytes: number): void {
    this.#outbound.push(copyFromNative(address, bytes));
  }

  pull(address: bigint, bytes: number): number | undefined {
    const [chunk] = this.#inbound;
    if (chunk === undefined) return this.inboundEnded ? 0 : undefined;
    const part = chunk.length > bytes ? chunk.subarray(0, bytes) : chunk;
    copyToNative(address, part);
    if (part === chunk) this.#inbound.shift();
    else this.#inbound[0] = chunk.subarray(bytes);
    this.inboundBytes -= part.length;
    return part.length;
  }
}
