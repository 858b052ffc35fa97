import type { Stats } from 'node:fs';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../../common/errors.js';

/** Where askpass reads a password that nobody types. */
export const PASSFIFO = '/lib/cryptsetup/passfifo';

/** Permissions that askpass makes it with. */
export const FIFO_MODE = 0o600;

/** What came of an answer: `later` when nobody reads there yet, or any more. */
export type Answer =
  | { readonly kind: 'given' }
  | { readonly kind: 'later' }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * Writes a password to the FIFO that a certain process reads from, without a newline. Needs root. Opens it only when
 * sure of it: for askpass, a FIFO that is closed again is an empty answer.
 * @param reader the directory of the process in procfs
 */
export function answerFifo(fifo: string, reader: string, password: Uint8Array): Answer {
  let descriptor: number | undefined;
  try {
    const stats = lstatSync(fifo);
    const why = whyNotPrivate(fifo, stats);
    if (why !== undefined) return { kind: 'refused', why };
    if (!hasOpen(reader, stats)) return { kind: 'later' };
    descriptor = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const opened = fstatSync(descriptor);
    if (!isSame(opened, stats)) return { kind: 'refused', why: `${fifo} was replaced meanwhile` };
    // An empty pipe takes 64 KiB (pipe(7)), as much as a password may have.
    const written = writeSync(descriptor, password);
    if (written < password.length) return { kind: 'refused', why: `${fifo} takes ${written} bytes only` };
    return { kind: 'given' };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not made yet; nobody reads; read by another until just now.
    if (code === 'ENOENT' || code === 'ENXIO' || code === 'EPIPE') return { kind: 'later' };
    return { kind: 'refused', why: `cannot write to ${fifo}: ${describeError(error)}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Anybody else who may open it could read the password there. */
function whyNotPrivate(fifo: string, stats: Stats): string | undefined {
  if (!stats.isFIFO()) return `${fifo} is not a FIFO`;
  if (stats.uid !== 0) return `${fifo} belongs to user ${stats.uid}, not to root`;
  const mode = stats.mode & 0o7777;
  return mode === FIFO_MODE
    ? undefined
    : `${fifo} has mode ${mode.toString(8)}, not ${FIFO_MODE.toString(8)}`;
}

function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function hasOpen(reader: string, stats: Stats): boolean {
  const directory = join(reader, 'fd');
  return readdirSync(directory).some(name => {
    try {
      return isSame(statSync(join(directory, name)), stats);
    } catch {
      return false; // Closed meanwhile, or a thing without a file.
    }
  });
}
