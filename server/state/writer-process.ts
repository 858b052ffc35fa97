import {
  closeSync,
  constants,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import type { RootDatabase } from 'lmdb';
import { open } from 'lmdb';
import type { Entry } from './lmdb-file.js';
import { readEntries } from './lmdb-file.js';
import { FORMAT_VERSION, keyOf, seal, VERSION_KEY } from './record.js';
import { syncDirectory } from './sync-directory.js';
import type { Answer, Change, Request, WriterOptions } from './writer-protocol.js';

/*
 * The thread that writes the state: waiting for the disk must not hold up the event loop. Of lmdb it uses the synchronous
 * transactions only. Those that run in libuv's threads write errors to standard error, and can wait for ever after a
 * fault of the disk.
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

const { path } = workerData as WriterOptions;
let database: Database | undefined;

function openDatabase(file: string): Database {
  prepareLockFile(`${file}-lock`);
  return open({
    path: file,
    keyEncoding: 'binary',
    encoding: 'binary',
    mapSize: MAP_BYTES,
    // The only reader is this thread, within its transactions.
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
  const fd = openSync(lockFile, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    writeSync(fd, Buffer.alloc(LOCK_BYTES), 0, LOCK_BYTES, 0);
  } finally {
    closeSync(fd);
  }
}

/** Makes sure that there is room for a new database: lmdb ends the process (SIGSEGV) when there is none for its head. */
function checkRoom(file: string): void {
  writeFileSync(file, Buffer.alloc(NEW_BYTES), { mode: 0o600 });
  truncateSync(file);
}

/** Writes the whole state to a new file, which then takes the old one's place, or fails and leaves the old one. */
async function rebuild(entries: Iterable<Entry>): Promise<void> {
  const fresh = `${path}.new`;
  removeDatabase(fresh);
  try {
    checkRoom(fresh);
    const copy = openDatabase(fresh);
    try {
      putAll(copy, entries);
    } finally {
      await copy.close();
    }
    renameSync(fresh, path);
    syncDirectory(dirname(path));
  } finally {
    removeDatabase(fresh);
  }
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

function* existingEntries(): Generator<Entry> {
  const fd = openSync(path, 'r');
  try {
    yield* readEntries(fd);
  } finally {
    closeSync(fd);
  }
}

function* newEntries(changes: readonly Change[]): Generator<Entry> {
  yield { key: VERSION_KEY, value: seal(VERSION_KEY, String(FORMAT_VERSION)) };
  for (const [name, text] of changes) {
    const key = keyOf(name);
    if (text !== undefined) yield { key, value: seal(key, text) };
  }
}

/**
 * Writes the file anew, so that neither pages that were lost nor a list of free pages that has been damaged since are
 * carried on. Where there is no room for a second one, the old one has to do.
 */
async function start(changes: readonly Change[] | undefined): Promise<void> {
  await closeDatabase();
  const isNew = changes !== undefined || !existsSync(path);
  try {
    await rebuild(isNew ? newEntries(changes ?? []) : existingEntries());
  } catch (error) {
    if (isNew) throw error;
  }
  openExisting();
}

function openExisting(): Database {
  database = openDatabase(path);
  return database;
}

async function write(changes: readonly Change[]): Promise<void> {
  // A transaction that has failed may have left the database unusable; a new one reads what is on the disk.
  const current = database ?? openExisting();
  try {
    current.transactionSync(() => {
      for (const [name, text] of changes) {
        const key = keyOf(name);
        if (text === undefined) void current.remove(key);
        else void current.put(key, seal(key, text));
      }
    });
  } catch (error) {
    await closeDatabase();
    throw error;
  }
}

async function closeDatabase(): Promise<void> {
  const current = database;
  database = undefined;
  await current?.close();
}

async function obey(request: Request): Promise<Answer> {
  const before = database;
  if (request.kind === 'open') await start(request.changes);
  else if (request.kind === 'write') await write(request.changes);
  else await closeDatabase();
  return { kind: 'done', opened: database !== before };
}

/** An error as it can be sent to another thread. lmdb gives the system's number, and its text with more than that. */
function describe(error: unknown): Answer {
  const { message, code } = error as { readonly message: string; readonly code?: unknown };
  const name = typeof code === 'number' && code > 0 ? getSystemErrorName(-code) : code;
  return { kind: 'failed', message, code: typeof name === 'string' ? name : undefined };
}

async function answer(request: Request): Promise<void> {
  const outcome = await obey(request).catch(describe);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  parentPort?.postMessage(outcome);
  if (request.kind === 'close') parentPort?.close();
}

parentPort?.on('message', (request: Request) => void answer(request));
