import {
  closeSync,
  constants,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { getSystemErrorName } from 'node:util';
import type { RootDatabase } from 'lmdb';
import { forbidDumps, setCapabilities } from '../../common/libc-process.js';
import { identityOf, identityOfOpen } from './file-identity.js';
import type { Entry } from './lmdb-file.js';
import { readEntries } from './lmdb-file.js';
import { FORMAT_VERSION, keyOf, seal, VERSION_KEY } from './record.js';
import { syncDirectory } from '../../common/sync-directory.js';
import type { Answer, Change, Done, Request } from './writer-protocol.js';
import { LOCK_FD, LOCK_NAME } from './writer-protocol.js';

/*
 * The process that writes the state; writer.ts starts it with the path of the file. It is one of its own, as lmdb 3.5.6
 * overwrites memory that is not its own when a write fails (a message of some 110 bytes in 100), and as it maps its file,
 * so that an unreadable disk ends the process. After an error this process is not used any more.
 *
 * It ends when the server does, and until then it has the server's lock of the directory, too.
 */

/** Address space for the file; only what is used takes memory. A hundred thousand secrets of 64 KiB take some 9 GiB. */
const MAP_BYTES = 16 * 1024 ** 3;
/** Entries of one transaction when a file is written anew: these stand in memory until they are on the disk. */
const COPY_BATCH = 5_000;
/** More than LMDB's lock file needs for so few readers. */
const LOCK_BYTES = 4096;
/** Of a new database: its two meta pages, however large pages are, and a first record. */
const NEW_BYTES = 256 * 1024;

type Database = RootDatabase<Buffer, Buffer>;

/** A file that stays open, so that it can be told from another, and read when somebody has removed it. */
interface HeldFile {
  readonly fd: number;
  readonly identity: string;
}

const [path = ''] = process.argv.slice(2);
const directory = dirname(path);
let database: Database | undefined;
let held: HeldFile | undefined;

// What is written here are secrets, and checkers run as the same user.
// It needs no right of the server's.
setCapabilities(0, 0);
forbidDumps();
process.umask(0o077);

async function openDatabase(file: string): Promise<Database> {
  const { open } = await import('lmdb');
  prepareLockFile(`${file}-lock`);
  return open({
    path: file,
    keyEncoding: 'binary',
    encoding: 'binary',
    mapSize: MAP_BYTES,
    // The only reader is this process, within its transactions.
    maxReaders: 4,
    // A transaction has reached the disk when it ends.
    overlappingSync: false,
    eventTurnBatching: false,
  }) as Database;
}

/**
 * Makes sure that there is room for LMDB's lock file, which it maps into memory: where there is none, touching that ends
 * the process (SIGBUS). What a process that was killed has left there says nothing any more, as the directory is ours.
 */
function prepareLockFile(lockFile: string): void {
  const fd = openSync(lockFile, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    writeSync(fd, Buffer.alloc(LOCK_BYTES), 0, LOCK_BYTES, 0);
  } finally {
    closeSync(fd);
  }
}

/** Makes sure that there is room for a new database: lmdb ends the process (SIGSEGV) when there is none for its head. */
function checkRoom(file: string): void {
  writeFileSync(file, Buffer.alloc(NEW_BYTES), { mode: 0o600, flag: 'wx' });
  truncateSync(file);
}

/**
 * Writes the whole state to a new file, which then takes the old one's place. So neither pages that were lost nor a list
 * of free pages that has been damaged since are carried on.
 */
async function rebuild(changes: readonly Change[] | undefined): Promise<void> {
  checkDirectory();
  await database?.close();
  database = undefined;
  const fresh = `${path}.new`;
  removeDatabase(fresh);
  try {
    checkRoom(fresh);
    const copy = await openDatabase(fresh);
    putAll(copy, changes ? newEntries(changes) : readEntries((held ??= hold(path)).fd));
    await copy.close();
    // Before the file is there, so that it can be opened even when the disk is full by then.
    prepareLockFile(`${path}-lock`);
    const next = hold(fresh);
    renameSync(fresh, path);
    syncDirectory(directory);
    if (held) closeSync(held.fd);
    held = next;
  } finally {
    removeDatabase(fresh);
  }
}

/** For writing, too, as some file systems (overlayfs) show a file as another one once it is written. */
function hold(file: string): HeldFile {
  const fd = openSync(file, 'r+');
  return { fd, identity: identityOfOpen(fd) };
}

function putAll(copy: Database, entries: Iterable<Entry>): void {
  let batch: Entry[] = [];
  const put = () => copy.transactionSync(() => batch.forEach(({ key, value }) => void copy.put(key, value)));
  for (const entry of entries) {
    batch.push(entry);
    if (batch.length === COPY_BATCH) {
      put();
      batch = [];
    }
  }
  if (batch.length > 0) put();
}

function removeDatabase(file: string): void {
  rmSync(file, { force: true });
  rmSync(`${file}-lock`, { force: true });
}

function* newEntries(changes: readonly Change[]): Generator<Entry> {
  yield { key: VERSION_KEY, value: seal(VERSION_KEY, String(FORMAT_VERSION)) };
  for (const [name, text] of changes) {
    const key = keyOf(name);
    if (text !== undefined) yield { key, value: seal(key, text) };
  }
}

async function write(changes: readonly Change[], identity: string | undefined): Promise<Done> {
  const wasPutBack = await ensureInPlace(identity);
  const current = (database ??= await openDatabase(path));
  // Synchronous: lmdb's other transactions write to standard error when they fail, and can wait for ever then.
  current.transactionSync(() => {
    for (const [name, text] of changes) {
      const key = keyOf(name);
      if (text === undefined) void current.remove(key);
      else void current.put(key, seal(key, text));
    }
  });
  // What was written to a file that nobody finds any more is not stored.
  const isPutBack = await ensureInPlace(identity);
  return done(wasPutBack || isPutBack);
}

/**
 * Makes sure that the file at the path is the one that the state is in. One that was removed is written again from what
 * is open of it; one that was replaced is somebody's to decide about.
 * @param identity undefined for whatever is there
 * @returns whether it was removed
 */
async function ensureInPlace(identity: string | undefined): Promise<boolean> {
  checkDirectory();
  const there = identityOf(path);
  if (!held && there !== undefined && there === (identity ?? there)) held = hold(path);
  if (held && there === held.identity) return false;
  if (held && there === undefined) {
    await rebuild(undefined);
    return true;
  }
  throw new Error(
    there === undefined
      ? 'it was removed by another program; put it back: a restart begins with the configuration alone'
      : 'it was replaced by another program; put the old one back, or restart mandos to go on with this one',
  );
}

/** In a directory without the lock, another server may be at work. */
function checkDirectory(): void {
  if (identityOf(join(directory, LOCK_NAME)) === identityOfOpen(LOCK_FD)) return;
  throw new Error(
    'its directory or the lock there was removed or replaced; put that back: a restart begins with what is there',
  );
}

function done(putBack: boolean): Done {
  if (!held) throw new Error('no file is open');
  return { kind: 'done', identity: held.identity, putBack };
}

async function obey(request: Request): Promise<Answer> {
  if (request.kind === 'write') return await write(request.changes, request.identity);
  await rebuild(request.changes);
  return done(false);
}

/** An error as it can be sent to the server. lmdb gives the system's number, and its text with more than that. */
function describe(error: unknown): Answer {
  const { message, code } = error as { readonly message: string; readonly code?: unknown };
  const name = typeof code === 'number' && code > 0 ? getSystemErrorName(-code) : code;
  return { kind: 'failed', message, code: typeof name === 'string' ? name : undefined };
}

// Signals to the whole group or service are the server's to obey: it has more to store before it stops.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
  process.on(signal, () => {});
}
process.on('message', (request: Request) => {
  void obey(request)
    .catch(describe)
    .then(answer => process.send?.(answer, () => {})); // nobody is there any more
});
process.on('disconnect', () => process.exit(0));
