import { MandosError } from '../../common/errors.js';

/** The fault of a pickle that cannot be read. `what` says the rest of "it …". */
export function pickleFault(what: string, cause?: unknown): MandosError {
  return new MandosError('IMPORT_PICKLE', what, { cause });
}

/** What is left of a pickle to be read. Whatever lies beyond its end is a fault. */
export class PickleBytes {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#position;
  }

  take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw pickleFault('ends in the middle: it is not complete');
    const taken = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return taken;
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  /** Little-endian, of up to 6 bytes. */
  unsigned(length: number): number {
    return this.take(length).readUIntLE(0, length);
  }

  /** Little-endian two's complement; none are zero. */
  signed(length: number): number {
    if (length === 0) return 0;
    if (length > 6) throw pickleFault(`has a number of ${length} bytes`);
    return this.take(length).readIntLE(0, length);
  }

  text(length: number): string {
    const bytes = this.take(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      throw pickleFault('has text that is not UTF-8', error);
    }
  }

  /** Up to the next newline, each byte as one character. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw pickleFault('ends in the middle: it is not complete');
    const line = this.take(end - this.#position).toString('latin1');
    this.#position++;
    return line;
  }

  /** A decimal number on a line of its own. */
  decimalLine(): number {
    const line = this.line();
    const value = Number(line);
    if (!/^-?[0-9]+$/.test(line) || !Number.isSafeInteger(value)) {
      throw pickleFault('has a number that cannot be read');
    }
    return value;
  }
}
