import { closeSync } from 'node:fs';
import { declare, failed, lastErrno, SOCK_CLOEXEC, SOCK_NONBLOCK, socket, SystemCallError } from './libc.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Of sun_path in unix(7). */
const PATH_LIMIT_BYTES = 108;

const connect = declare<(fd: number, address: Uint8Array, bytes: number) => number>(
  'int connect(int fd, void *address, unsigned int bytes)',
);
const send = declare<(fd: number, data: Uint8Array, bytes: number, flags: number) => number>(
  'long send(int fd, void *data, size_t bytes, int flags)',
);

/**
 * A Unix datagram socket, which Node.js does not have, to one receiver: close-on-exec and non-blocking.
 * @param path of the receiver; one that begins with a zero byte is an abstract name
 * @returns its file descriptor, the caller's to close
 * @throws SystemCallError ENOENT or ECONNREFUSED when nobody receives there
 */
export function connectDatagramSocket(path: string): number {
  const address = sockaddrUn(path);
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failed('socket');
  if (connect(fd, address, address.length) === 0) return fd;
  const error = failed('connect');
  closeSync(fd);
  throw error;
}

/** `struct sockaddr_un` of unix(7). */
function sockaddrUn(path: string): Buffer {
  const name = Buffer.from(path.startsWith('\0') ? path : `${path}\0`);
  if (name.length > PATH_LIMIT_BYTES) throw new SystemCallError('connect', 'ENAMETOOLONG');
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}

/**
 * Sends a datagram, or does not: never waits.
 * @returns undefined when it is sent, else the name of the error; EAGAIN when the receiver has no room
 */
export function sendDatagram(fd: number, datagram: Uint8Array): string | undefined {
  return send(fd, datagram, datagram.length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? lastErrno() : undefined;
}
