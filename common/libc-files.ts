import { declare, failed } from './libc.js';

const mkfifo = declare<(path: string, mode: number) => number>(
  'int mkfifo(const char *path, unsigned int mode)',
);
const pipe2 = declare<(ends: Uint8Array, flags: number) => number>('int pipe2(void *ends, int flags)');
const O_CLOEXEC = 0o2000000;

/**
 * Makes a FIFO (mkfifo(3)).
 * @param mode of which the umask is taken away
 * @throws SystemCallError EEXIST when anything has that name
 */
export function makeFifo(path: string, mode: number): void {
  if (mkfifo(path, mode) !== 0) throw failed('mkfifo');
}

/**
 * A pipe, neither end of which is inherited by accident. Node.js gives its children sockets, and /dev/stdout of a
 * shell script cannot be opened when it is one.
 * @returns file descriptors, the caller's to close
 */
export function openPipe(): { readonly read: number; readonly write: number } {
  const ends = Buffer.alloc(8);
  if (pipe2(ends, O_CLOEXEC) !== 0) throw failed('pipe2');
  return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
}
