import { readdirSync, readFileSync } from 'node:fs';
import koffi from 'koffi';
import { declare, failed, lastErrno } from './libc.js';

const PR_SET_DUMPABLE = 4;
const PR_SET_KEEPCAPS = 8;
const UNSIGNED_LONG = 'unsigned long';
// prctl(2) is variadic, which some machines' calling conventions tell apart; each value follows its type's name.
const prctl = declare<(option: number, type: typeof UNSIGNED_LONG, value: number) => number>(
  'int prctl(int option, ...)',
);

/**
 * Lets the calling thread, and no other, keep its permitted capabilities through the next change of all user IDs away
 * from root (PR_SET_KEEPCAPS of prctl(2)).
 */
export function keepCapabilities(keep: boolean): void {
  if (prctl(PR_SET_KEEPCAPS, UNSIGNED_LONG, keep ? 1 : 0) !== 0) throw failed('PR_SET_KEEPCAPS');
}

/** Forbids core dumps, and debugging by processes of the same user (PR_SET_DUMPABLE of prctl(2)). */
export function forbidDumps(): void {
  if (prctl(PR_SET_DUMPABLE, UNSIGNED_LONG, 0) !== 0) throw failed('PR_SET_DUMPABLE');
}

/** Reads any file, lists and passes any directory: a bit of capabilities(7). */
export const CAP_DAC_READ_SEARCH = 1 << 2;
/** Sends and receives packets of any protocol, as ping does: a bit of capabilities(7). */
export const CAP_NET_RAW = 1 << 13;
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;
/** struct __user_cap_data_struct, twice: the second has the capabilities from 32 on, of which none is used here. */
const CAPABILITY_SETS_BYTES = 24;
const PERMITTED_OFFSET = 4;
const capset = declare<(header: Uint8Array, sets: Uint8Array) => number>(
  'int capset(void *header, void *sets)',
);
const capget = declare<(header: Uint8Array, sets: Uint8Array) => number>(
  'int capget(void *header, void *sets)',
);

/** Of the calling thread. */
function capabilityHeader(): Buffer {
  const header = Buffer.alloc(8); // its second half: process 0, the caller
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3);
  return header;
}

/**
 * Sets the capabilities of the calling thread. Programs that it starts have those that are ambient (capabilities(7)),
 * and only as long as they are permitted and inheritable.
 * @param effective in force now; a bit set
 * @param permitted what can be put in force later
 * @throws SystemCallError EPERM for one that is not permitted so far
 */
export function setCapabilities(effective: number, permitted: number, inheritable = 0): void {
  const sets = Buffer.alloc(CAPABILITY_SETS_BYTES);
  sets.writeUInt32LE(effective, 0);
  sets.writeUInt32LE(permitted, PERMITTED_OFFSET);
  sets.writeUInt32LE(inheritable, 8);
  if (capset(capabilityHeader(), sets) !== 0) throw failed('capset');
}

/** How often each thread of a pool may be missed before that is given up. */
const POOL_ROUNDS = 50;

/**
 * Gives up all capabilities in the threads that Node.js works in besides the main one (libuv's pool), which capset(2) on
 * the main thread does not reach. V8's own threads keep what they have: nothing but the compiler and the collector of
 * garbage runs there.
 * @param threads in the pool
 */
export async function dropPoolCapabilities(
  threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4),
): Promise<void> {
  const native = koffi.load('libc.so.6').func('int capset(void *header, void *sets)');
  const none = Buffer.alloc(CAPABILITY_SETS_BYTES);
  const header = capabilityHeader();
  const drop = () =>
    new Promise<void>((resolve, reject) => {
      native.async(header, none, (error: Error | null) => (error ? reject(error) : resolve()));
    });
  const before = threadsWithCapabilities();
  for (let i = 0; i < POOL_ROUNDS && threadsWithCapabilities() > Math.max(0, before - threads); i++) {
    await Promise.all(Array.from({ length: threads }, drop));
  }
}

/** Threads of this process that have capabilities in force. */
export function threadsWithCapabilities(): number {
  return readdirSync('/proc/self/task').filter(thread => {
    try {
      return !/^CapEff:\s*0+$/m.test(readFileSync(`/proc/self/task/${thread}/status`, 'latin1'));
    } catch {
      return false; // it has ended
    }
  }).length;
}

/** The capabilities that the calling thread has or can put in force, of the first 32: a bit set. */
export function permittedCapabilities(): number {
  const sets = Buffer.alloc(CAPABILITY_SETS_BYTES);
  if (capget(capabilityHeader(), sets) !== 0) throw failed('capget');
  return sets.readUInt32LE(PERMITTED_OFFSET);
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const flock = declare<(fd: number, operation: number) => number>('int flock(int fd, int operation)');

/**
 * Locks an open file for this process and those that inherit the descriptor, until all have closed it.
 * @returns false when another has locked it
 */
export function tryLockFile(fd: number): boolean {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  if (lastErrno() === 'EAGAIN') return false;
  throw failed('flock');
}

const dup2 = declare<(from: number, to: number) => number>('int dup2(int from, int to)');

/** Makes descriptor `to` another name of `from`, closing what it was; it is inherited by children. */
export function replaceDescriptor(from: number, to: number): void {
  if (dup2(from, to) < 0) throw failed('dup2');
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;
// fcntl(2) is variadic, which some machines' calling conventions tell apart; the value follows its type's name.
const fcntl = declare<(fd: number, command: number, type: 'int', value: number) => number>(
  'int fcntl(int fd, int command, ...)',
);

/** Keeps programs that this process starts from inheriting an open file (FD_CLOEXEC of fcntl(2)). */
export function closeOnExec(fd: number): void {
  if (fcntl(fd, F_SETFD, 'int', FD_CLOEXEC) !== 0) throw failed('FD_CLOEXEC');
}
