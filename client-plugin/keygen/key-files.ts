import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describeError, MandosError } from '../../common/errors.js';
import { syncDirectory } from '../../common/sync-directory.js';
import { readKeyFile } from '../client-keys.js';
import { keygenCommand } from './advice.js';

/** The files of a machine's keys (mandos-keygen(8), FILES), in the order in which they are put in place. */
export const KEY_FILES = ['seckey.txt', 'pubkey.txt', 'tls-privkey.pem', 'tls-pubkey.pem'] as const;
export type KeyFileName = (typeof KEY_FILES)[number];

/** Names of files that are not in place yet: `.mandos-keygen.PID.NAME`. */
const TEMPORARY = /^\.mandos-keygen\.([0-9]+)\./;
const temporaryName = (name: string) => `.mandos-keygen.${process.pid}.${name}`;

/**
 * Refuses a directory that has key files, unless they are to be replaced.
 * @throws MandosError KEYS_EXIST naming them, KEYS_DIRECTORY
 */
export function refuseOverwrite(directory: string, force: boolean): void {
  const found = existingKeyFiles(directory);
  if (force || found.length === 0) return;
  const incomplete = found.length < KEY_FILES.length ? ', which is not a whole set of keys' : '';
  throw new MandosError(
    'KEYS_EXIST',
    `${directory} already has ${found.join(', ')}${incomplete}: use --force to replace and back up what is there`,
  );
}

/**
 * Puts a set of key files in place, making the directory if need be. All are complete on disk under temporary names
 * before the first gets its own. Signals that would end the program have to wait, so that only SIGKILL or the machine's
 * end between two renames leaves a mixed set: `readKeyFiles` and the checks of both key pairs find that.
 * Files that are there are kept as numbered backups, as by `mv --backup=numbered`.
 * @throws MandosError KEYS_EXIST, KEYS_DIRECTORY, KEYS_WRITE
 */
export function writeKeyFiles(
  directory: string,
  contents: Readonly<Record<KeyFileName, string>>,
  force: boolean,
): void {
  const resume = holdSignals();
  try {
    makeDirectory(directory);
    removeLeftovers(directory);
    refuseOverwrite(directory, force);
    try {
      for (const name of KEY_FILES) writeDurably(join(directory, temporaryName(name)), contents[name]);
      for (const name of existingKeyFiles(directory)) backUp(join(directory, name));
      for (const name of KEY_FILES) renameSync(join(directory, temporaryName(name)), join(directory, name));
      syncDirectory(directory);
    } finally {
      for (const name of KEY_FILES) rmSync(join(directory, temporaryName(name)), { force: true });
    }
  } catch (error) {
    if (error instanceof MandosError) throw error;
    throw new MandosError('KEYS_WRITE', `cannot write keys to ${directory}: ${describeError(error)}`, {
      cause: error,
    });
  } finally {
    resume();
  }
}

/**
 * Reads a set of key files.
 * @throws MandosError KEYS_MISSING: not all are there; KEYS_DIRECTORY; KEY_FILE: one cannot be read
 */
export function readKeyFiles(directory: string): Record<KeyFileName, Buffer> {
  const found = existingKeyFiles(directory);
  const missing = KEY_FILES.filter(name => !found.includes(name));
  if (missing.length > 0) {
    const advice =
      found.length === 0
        ? `make keys with "${keygenCommand(directory)}", or name their directory with --dir`
        : `restore it from a backup, or make new keys with "${keygenCommand(directory, '--force')}"`;
    throw new MandosError('KEYS_MISSING', `${directory} has no ${missing.join(', ')}: ${advice}`);
  }
  const read = (name: KeyFileName) => readKeyFile(join(directory, name));
  return {
    'seckey.txt': read('seckey.txt'),
    'pubkey.txt': read('pubkey.txt'),
    'tls-privkey.pem': read('tls-privkey.pem'),
    'tls-pubkey.pem': read('tls-pubkey.pem'),
  };
}

/** Node.js leaves a signal with a listener to its event loop, which does not turn before `resume`. */
function holdSignals(): () => void {
  const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;
  const ignore = () => {};
  for (const signal of signals) process.on(signal, ignore);
  return () => {
    for (const signal of signals) process.off(signal, ignore);
  };
}

/** Not `recursive` of node:fs, which tries for ever where no directory can be made, as in /proc. */
function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(directory))) throw error;
    makeDirectory(dirname(directory));
    mkdirSync(directory, { mode: 0o700 });
  }
}

function existingKeyFiles(directory: string): KeyFileName[] {
  try {
    return KEY_FILES.filter(
      name => lstatSync(join(directory, name), { throwIfNoEntry: false }) !== undefined,
    );
  } catch (error) {
    throw new MandosError('KEYS_DIRECTORY', `cannot look for keys in ${directory}: ${describeError(error)}`, {
      cause: error,
    });
  }
}

/** Removes what a run that was killed has left. */
function removeLeftovers(directory: string): void {
  for (const name of readdirSync(directory)) {
    const [, pid] = TEMPORARY.exec(name) ?? [];
    if (pid !== undefined && !isOtherProcess(Number(pid))) rmSync(join(directory, name), { force: true });
  }
}

/** Whether another mandos-keygen may be at work; after a reboot, the same number may be ours. */
function isOtherProcess(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function writeDurably(file: string, content: string): void {
  const descriptor = openSync(file, 'wx', 0o400);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Gives the file a second name, so that there is no moment without it. */
function backUp(file: string): void {
  for (let n = 1; ; n++) {
    try {
      linkSync(file, `${file}.~${n}~`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
