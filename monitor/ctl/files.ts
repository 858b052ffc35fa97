import { closeSync, openSync, readSync } from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';

/** clients.conf of ten thousand clients has some 20 MB. */
export const CLIENTS_FILE_LIMIT_BYTES = 64 * 1024 * 1024;

const STANDARD_INPUT = 0;
const CHUNK_BYTES = 64 * 1024;

/**
 * Reads a file; `-` is standard input.
 * @returns its bytes, which no buffer of others holds, so that the caller can overwrite them
 * @throws MandosError FILE that names the file
 */
export function readFileOrInput(file: string, limitBytes: number): Uint8Array {
  const name = file === '-' ? 'standard input' : file;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    const descriptor = file === '-' ? STANDARD_INPUT : openSync(file, 'r');
    try {
      for (;;) {
        const chunk = Buffer.alloc(CHUNK_BYTES);
        const read = readSync(descriptor, chunk);
        if (read === 0) break;
        chunks.push(chunk.subarray(0, read));
        length += read;
        if (length > limitBytes) throw new Error(`has more than ${limitBytes} bytes`);
      }
    } finally {
      if (descriptor !== STANDARD_INPUT) closeSync(descriptor);
    }
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  } catch (error) {
    throw new MandosError('FILE', `cannot read ${name}: ${describeError(error)}`, { cause: error });
  } finally {
    for (const chunk of chunks) chunk.fill(0);
  }
}

/** Reads an encrypted password. @throws MandosError FILE, also for none */
export function readSecret(file: string): Uint8Array {
  const secret = readFileOrInput(file, SECRET_LIMIT_BYTES);
  if (secret.length > 0) return secret;
  throw new MandosError(
    'FILE',
    `cannot use ${file === '-' ? 'standard input' : file} as a secret: it is empty`,
  );
}
