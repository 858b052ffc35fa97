import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describeError, MandosError } from '../../common/errors.js';
import { tryLockFile } from '../../common/libc-process.js';
import { syncDirectory } from '../../common/sync-directory.js';
import { LOCK_NAME } from './writer-protocol.js';

/** What helps against a fault of the state directory, by the system's name for it. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'it must belong to the user that the server runs as',
  EPERM: 'it must belong to the user that the server runs as',
  EROFS: 'mount it for writing, or choose another directory with --statedir',
  ENOSPC: 'make room there',
  EDQUOT: 'make room there',
  ENOENT: 'make the directory above it, or choose another with --statedir',
  ENOTDIR: 'choose another with --statedir',
  ELOOP: 'a link must not stand there; remove it',
};

/** How long the process that writes may take to end after its server was killed: what it writes then is written. */
const WRITER_END_MS = 10_000;
const RETRY_MS = 20;

/** A fault of the state directory, with what to do. */
export function stateError(path: string, what: string, cause: unknown): MandosError {
  const { code } = cause as NodeJS.ErrnoException;
  const advice = ADVICE[code ?? ''];
  const message = `${path}: ${what}: ${describeError(cause)}${advice === undefined ? '' : `; ${advice}`}`;
  return new MandosError('STATE', message, { cause });
}

/**
 * Makes the state directory if there is none, and locks it for this process and those that inherit the lock.
 * @returns the lock's file descriptor; when all have closed it, the directory is free
 * @throws MandosError STATE
 */
export async function lockDirectory(directory: string): Promise<number> {
  makeDirectory(directory);
  const path = join(directory, LOCK_NAME);
  const fd = attempt(path, 'cannot be opened', () =>
    openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600),
  );
  try {
    await lock(directory, fd);
    attempt(path, 'cannot be written', () => {
      // In this order, so that a full disk is no obstacle.
      ftruncateSync(fd, writeSync(fd, `${process.pid}\n`, 0));
    });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

async function lock(directory: string, fd: number): Promise<void> {
  const untilMs = performance.now() + WRITER_END_MS;
  while (!tryLockFile(fd)) {
    // None while the other is about to write it.
    const [pid] = /^\d+/.exec(readFileSync(`/proc/self/fd/${fd}`, 'latin1')) ?? [];
    if (pid !== undefined && isAlive(Number(pid))) throw inUse(directory, pid);
    if (performance.now() >= untilMs)
      throw pid === undefined ? inUse(directory, pid) : stillWriting(directory, pid);
    await new Promise(resolve => setTimeout(resolve, RETRY_MS));
  }
}

/** Also of a process that a sandbox hides in /proc. */
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function makeDirectory(directory: string): void {
  attempt(directory, 'cannot be made', () => {
    if (statSync(directory, { throwIfNoEntry: false })) return;
    mkdirSync(directory, { mode: 0o700 });
    syncDirectory(dirname(directory));
  });
  if (!statSync(directory).isDirectory()) {
    throw new MandosError('STATE', `${directory}: is not a directory; choose another with --statedir`);
  }
}

function inUse(directory: string, pid: string | undefined): MandosError {
  const who = pid === undefined ? '' : `, with process ID ${pid}`;
  const advice = 'stop that first, or choose another directory with --statedir';
  return new MandosError('STATE', `${directory}: is in use by another mandos${who}; ${advice}`);
}

function stillWriting(directory: string, pid: string): MandosError {
  const who = `the mandos with process ID ${pid}, which has ended`;
  const advice = 'start again when the disk answers';
  return new MandosError('STATE', `${directory}: the last write of ${who}, is still under way; ${advice}`);
}

function attempt<T>(path: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw stateError(path, what, error);
  }
}
