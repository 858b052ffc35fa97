import { writeSync } from 'node:fs';
import { describeError, MandosError } from './errors.js';

const STANDARD_OUTPUT = 1;
/** How long to wait before a full pipe that must not block is tried again. */
const RETRY_MS = 10;

/**
 * Writes all of it to standard output before it returns. A reader who has gone wants no more, and that is no fault.
 * @throws MandosError OUTPUT, for a full disk for instance
 */
export function printOut(output: string | Uint8Array): void {
  const bytes = typeof output === 'string' ? Buffer.from(output) : output;
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(STANDARD_OUTPUT, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return;
      if (code !== 'EAGAIN') {
        throw new MandosError('OUTPUT', `cannot write to standard output: ${describeError(error)}`, {
          cause: error,
        });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
