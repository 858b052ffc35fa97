import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';
import { tryLockFile } from '../../common/libc-process.js';

export interface PidFile {
  /** Removes the file, or where the user that the server runs as may not, empties it. Never throws. */
  remove(): void;
}

/** How often a file that its last owner removes at the same moment is opened anew. */
const TRIES_MAX = 10;

/** Where mandos(8) says that it is. */
export function pidFilePath(): string {
  return existsSync('/run') ? '/run/mandos.pid' : '/var/run/mandos.pid';
}

/**
 * Writes this process's ID to a file, which it keeps locked until it ends, however it does. So the file of a server
 * that was killed is known as stale, and taken over, even if its process ID is another's by now.
 * @throws MandosError ALREADY_RUNNING; PID_FILE when it cannot be written
 */
export function claimPidFile(path: string): PidFile {
  const fd = openLocked(path);
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    closeSync(fd);
    throw cannotWrite(path, error);
  }
  return { remove: () => remove(path, fd) };
}

function openLocked(path: string): number {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const fd = openPidFile(path);
    try {
      if (!tryLockFile(fd)) throw alreadyRunning(path, fd);
      if (isFileAt(path, fd)) return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
  throw new MandosError('PID_FILE', `${path}: is removed again and again, by another program`);
}

function openPidFile(path: string): number {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  } catch (error) {
    throw cannotWrite(path, error);
  }
}

/** False when the last owner has removed the file between our opening and locking it. */
function isFileAt(path: string, fd: number): boolean {
  const there = statSync(path, { bigint: true, throwIfNoEntry: false });
  const open = fstatSync(fd, { bigint: true });
  return there?.ino === open.ino && there.dev === open.dev;
}

function alreadyRunning(path: string, fd: number): MandosError {
  // None while the other is about to write it.
  const [pid] = /^\d+/.exec(readFileSync(fd, 'latin1')) ?? [];
  const who = pid === undefined ? '' : ` with process ID ${pid}`;
  return new MandosError(
    'ALREADY_RUNNING',
    `${path}: another mandos runs already${who}; stop it first, or run this one with --foreground`,
  );
}

function cannotWrite(path: string, error: unknown): MandosError {
  return new MandosError('PID_FILE', `${path}: the PID file cannot be written: ${describeError(error)}`, {
    cause: error,
  });
}

function remove(path: string, fd: number): void {
  try {
    if (!isFileAt(path, fd)) return;
    unlinkSync(path);
  } catch {
    try {
      ftruncateSync(fd);
    } catch {
      // A stale file is recognised, too.
    }
  }
}
