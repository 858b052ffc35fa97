import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

const HEAD_BYTES = 8;

/** Leaves each input in a file before it is tried, where it is found when the process has died of it. */
export class InputRecorder {
  readonly #fd: number;
  #count = 0;

  constructor(file: string) {
    this.#fd = openSync(file, 'w');
  }

  /** Inputs so far. */
  get count(): number {
    return this.#count;
  }

  record(input: Buffer): void {
    const bytes = Buffer.allocUnsafe(HEAD_BYTES + input.length);
    this.#count = (this.#count + 1) >>> 0;
    bytes.writeUInt32LE(this.#count, 0);
    bytes.writeUInt32LE(input.length, 4);
    input.copy(bytes, HEAD_BYTES);
    writeSync(this.#fd, bytes, 0, bytes.length, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** The input that was tried last, and how many had been tried then; undefined before the first. */
export function readCurrentInput(
  file: string,
): { readonly count: number; readonly input: Buffer } | undefined {
  const bytes = readFileSync(file);
  if (bytes.length < HEAD_BYTES) return undefined;
  const end = HEAD_BYTES + bytes.readUInt32LE(4);
  return { count: bytes.readUInt32LE(0), input: bytes.subarray(HEAD_BYTES, end) };
}
