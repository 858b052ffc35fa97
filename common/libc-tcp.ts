import {
  AF_INET,
  AF_INET6,
  declare,
  failed,
  lastErrno,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SystemCallError,
} from './libc.js';

const SHUT_WR = 1;
const MSG_PEEK = 2;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const F_SETFL = 4;
/** `struct sockaddr_in6`, the longest of a TCP socket. */
const SOCKADDR_BYTES = 28;
/** INET6_ADDRSTRLEN and IF_NAMESIZE. */
const TEXT_BYTES = 46;
const NAME_BYTES = 16;

const listen = declare<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');
const accept4 = declare<(fd: number, address: Uint8Array, bytes: Uint8Array, flags: number) => number>(
  'int accept4(int fd, void *address, void *bytes, int flags)',
);
const getsockname = declare<(fd: number, address: Uint8Array, bytes: Uint8Array) => number>(
  'int getsockname(int fd, void *address, void *bytes)',
);
const recv = declare<(fd: number, buffer: Uint8Array, bytes: number, flags: number) => number | bigint>(
  'intptr_t recv(int fd, void *buffer, size_t bytes, int flags)',
);
const shutdown = declare<(fd: number, how: number) => number>('int shutdown(int fd, int how)');
const setsockopt = declare<
  (fd: number, level: number, name: number, value: Uint8Array, bytes: number) => number
>('int setsockopt(int fd, int level, int name, void *value, unsigned int bytes)');
const inetNtop = declare<
  (family: number, address: Uint8Array, text: Uint8Array, bytes: number) => string | null
>('const char *inet_ntop(int family, void *address, void *text, unsigned int bytes)');
const ifIndexToName = declare<(index: number, name: Uint8Array) => string | null>(
  'const char *if_indextoname(unsigned int index, void *name)',
);
// fcntl(2) is variadic, which some machines' calling conventions tell apart; the value follows its type's name.
const fcntl = declare<(fd: number, command: number, type: 'int', value: number) => number>(
  'int fcntl(int fd, int command, ...)',
);
/** close(2), which node:fs makes some microseconds of. */
export const closeDescriptor = declare<(fd: number) => number>('int close(int fd)');

/** Errors of accept(2) that are of a connection that is gone with it, so that the next one can be had. */
const OF_ONE_CONNECTION = new Set([
  'ECONNABORTED',
  'EINTR',
  'EPERM',
  'EPROTO',
  'ENETDOWN',
  'ENOPROTOOPT',
  'EHOSTDOWN',
  'ENONET',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** One end of a connection. Link-local addresses have their scope: `fe80::1%eth0`. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

export interface AcceptedSocket extends SocketAddress {
  /** Non-blocking, close-on-exec, the receiver's to close. */
  readonly fd: number;
}

const sockaddr = Buffer.alloc(SOCKADDR_BYTES);
const sockaddrBytes = Buffer.alloc(4);
const text = Buffer.alloc(TEXT_BYTES);
const interfaceName = Buffer.alloc(NAME_BYTES);

/**
 * Makes a bound socket one that listens, without blocking; connections send small writes at once.
 * @throws SystemCallError
 */
export function listenOn(fd: number, backlog: number): void {
  if (listen(fd, backlog) !== 0) throw failed('listen');
  if (fcntl(fd, F_SETFL, 'int', SOCK_NONBLOCK) < 0) throw failed('O_NONBLOCK');
  const on = Buffer.alloc(4);
  on.writeInt32LE(1);
  // Accepted sockets inherit it.
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, on.length) !== 0) throw failed('TCP_NODELAY');
}

/** The address that a socket is bound to. @throws SystemCallError ENOTSOCK, EBADF; EAFNOSUPPORT for no internet socket */
export function boundAddress(fd: number): SocketAddress {
  sockaddrBytes.writeUInt32LE(SOCKADDR_BYTES);
  if (getsockname(fd, sockaddr, sockaddrBytes) !== 0) throw failed('getsockname');
  return readSockaddr();
}

/**
 * The next connection that waits.
 * @returns undefined for none
 * @throws SystemCallError EMFILE, ENFILE, ENOMEM, ENOBUFS: it goes on waiting
 */
export function acceptConnection(fd: number): AcceptedSocket | undefined {
  for (;;) {
    sockaddrBytes.writeUInt32LE(SOCKADDR_BYTES);
    const accepted = accept4(fd, sockaddr, sockaddrBytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) return { fd: accepted, ...readSockaddr() };
    const error = lastErrno();
    if (error === 'EAGAIN') return undefined;
    if (!OF_ONE_CONNECTION.has(error)) throw new SystemCallError('accept', error);
  }
}

/** What a read has come to: `bytes` of it (0 at the end of the stream), nothing yet, or the name of an error. */
export type Received = number | 'later' | { readonly error: string };

/** @param peek leaves the bytes where they are */
export function receiveBytes(fd: number, buffer: Uint8Array, peek = false): Received {
  const bytes = Number(recv(fd, buffer, buffer.length, peek ? MSG_PEEK : 0));
  if (bytes >= 0) return bytes;
  const error = lastErrno();
  return error === 'EAGAIN' || error === 'EINTR' ? 'later' : { error };
}

/** Sends FIN behind what was sent. */
export function endWriting(fd: number): void {
  shutdown(fd, SHUT_WR);
}

function readSockaddr(): SocketAddress {
  const family = sockaddr.readUInt16LE(0);
  if (family !== AF_INET && family !== AF_INET6) throw new SystemCallError('getsockname', 'EAFNOSUPPORT');
  const at = family === AF_INET ? 4 : 8;
  const address = inetNtop(family, sockaddr.subarray(at), text, TEXT_BYTES) ?? '';
  return { address: family === AF_INET6 ? withScope(address) : address, port: sockaddr.readUInt16BE(2) };
}

function withScope(address: string): string {
  const scope = sockaddr.readUInt32LE(24);
  if (scope === 0) return address;
  return `${address}%${ifIndexToName(scope, interfaceName) ?? scope}`;
}
