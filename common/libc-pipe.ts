import { declare, failed, SOCK_CLOEXEC } from './libc.js';

const pipe2 = declare<(fds: Int32Array, flags: number) => number>('int pipe2(void *fds, int flags)');

/**
 * A pipe, close-on-exec. What Node.js makes for a child are sockets, of which it cannot open /dev/stdin or /dev/stderr
 * (ENXIO).
 * @returns file descriptors, the caller's to close
 * @throws SystemCallError
 */
export function openPipe(): { readonly read: number; readonly write: number } {
  const fds = new Int32Array(2);
  // O_CLOEXEC is the same number.
  if (pipe2(fds, SOCK_CLOEXEC) !== 0) throw failed('pipe2');
  const [read = -1, write = -1] = fds;
  return { read, write };
}
