import { declare, lastErrno, prlimit64 } from './libc.js';

const RLIMIT_MEMLOCK = 8;
const MCL_CURRENT = 1;
const MCL_FUTURE = 2;
const MCL_ONFAULT = 4;
/** Of a `struct rlimit64`: the limit in force, and the highest that it can be set to. */
const LIMITS_BYTES = 16;
const RLIM_INFINITY = 0xff;

const mlockall = declare<(flags: number) => number>('int mlockall(int flags)');

/**
 * Keeps all memory of this process from being swapped out, now and later, once it is used (MCL_ONFAULT of mlockall(2):
 * what V8 reserves takes no memory). Not that of its children.
 *
 * Only without a limit on locked memory: with one, V8 would get no more memory at some time, and end the process.
 * @returns the name of the error, EPERM where the limit cannot be lifted; undefined when the memory is locked
 */
export function lockMemory(): string | undefined {
  if (prlimit64(0, RLIMIT_MEMLOCK, Buffer.alloc(LIMITS_BYTES, RLIM_INFINITY), null) !== 0) return lastErrno();
  return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) === 0 ? undefined : lastErrno();
}
