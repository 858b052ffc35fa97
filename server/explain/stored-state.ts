import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, MandosError } from '../../common/errors.js';
import { tryLockFile } from '../../common/libc-process.js';
import type { StoredClient } from '../client/store.js';
import { FILE_NAME } from '../state/store.js';
import { readStoredFile } from '../state/stored-file.js';
import { LOCK_NAME } from '../state/writer-protocol.js';

export type StoredState =
  /** A server, or another program that changes the state, has the directory. */
  | { readonly kind: 'in-use'; readonly pid: number | undefined }
  | { readonly kind: 'read'; readonly clients: readonly StoredClient[] }
  /** Whoever asks may not look. */
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'fault'; readonly reason: string };

/** Reads what the last server has stored, and changes nothing. It is locked meanwhile, for some milliseconds. */
export function readStoredState(directory: string): StoredState {
  let fd: number | undefined;
  try {
    fd = openLock(join(directory, LOCK_NAME));
    if (fd !== undefined && !tryLockFile(fd)) {
      const [pid] = /^\d+/.exec(readFileSync(fd, 'latin1')) ?? [];
      return { kind: 'in-use', pid: pid === undefined ? undefined : Number(pid) };
    }
    return { kind: 'read', clients: readStoredFile(join(directory, FILE_NAME)) };
  } catch (error) {
    const cause = error instanceof MandosError ? error.cause : error;
    if ((cause as NodeJS.ErrnoException).code === 'EACCES') return { kind: 'forbidden' };
    const reason =
      error instanceof MandosError ? error.message : `${directory} cannot be read: ${describeError(error)}`;
    return { kind: 'fault', reason };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** @returns undefined where no server has run yet */
function openLock(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
