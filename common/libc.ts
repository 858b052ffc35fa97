import { getSystemErrorMap, getSystemErrorName } from 'node:util';
import koffi from 'koffi';
import { MandosError } from './errors.js';

/**
 * Functions of the C library that Node.js does not offer and the protocol's edges need. They are declared here and
 * in the other files libc-*.ts, and nowhere else. Each is declared on first use, since most programs need
 * only a few.
 */
const libc = koffi.load('libc.so.6');

/**
 * A function of the C library; for the files libc*.ts only.
 * @param declaration in C
 */
// koffi types a declared function as any; the type parameter says in TypeScript what the declaration says in C.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function declare<Fn extends (...args: never[]) => unknown>(declaration: string): Fn {
  let native: Fn | undefined;
  const call = (...args: never[]) => (native ??= libc.func(declaration) as unknown as Fn)(...args);
  return call as Fn;
}

const memcpy = declare<(target: bigint | Uint8Array, source: bigint | Uint8Array, bytes: number) => unknown>(
  'void *memcpy(void *target, void *source, size_t bytes)',
);

/**
 * A copy of native memory.
 * @param address of at least `bytes` readable bytes; not checked
 */
export function copyFromNative(address: bigint, bytes: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes);
  if (bytes > 0) memcpy(copy, address, bytes);
  return copy;
}

/** Copies all of `source` to native memory that has room for it; not checked. */
export function copyToNative(address: bigint, source: Uint8Array): void {
  if (source.length > 0) memcpy(address, source, source.length);
}

koffi.struct('ifaddrs', {
  next: 'void *',
  name: 'const char *',
  flags: 'unsigned int',
  address: 'void *',
  netmask: 'void *',
  broadcastOrDestination: 'void *',
  data: 'void *',
});

const getifaddrs = declare<(list: [bigint | null]) => number>('int getifaddrs(_Out_ void **list)');
const freeifaddrs = declare<(list: bigint) => void>('void freeifaddrs(void *list)');

/** One row of getifaddrs(3): an interface, and one address of it if it has any. */
export interface InterfaceAddress {
  readonly name: string;
  /** IFF_… of netdevice(7). */
  readonly flags: number;
  /** The whole `struct sockaddr` of its family. */
  readonly address: Buffer | undefined;
  readonly netmask: Buffer | undefined;
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_PACKET = 17;
const SOCKADDR_BYTES: Record<number, number> = { [AF_INET]: 16, [AF_INET6]: 28, [AF_PACKET]: 20 };

/** All interfaces and addresses of the process's network namespace; unlike os.networkInterfaces(), also those down. */
export function interfaceAddresses(): InterfaceAddress[] {
  const list: [bigint | null] = [null];
  if (getifaddrs(list) !== 0)
    throw new MandosError('INTERFACES', 'cannot list the network interfaces (getifaddrs)');
  const rows: InterfaceAddress[] = [];
  for (let at = list[0]; at !== null && at !== 0n;) {
    const row = koffi.decode(at, 'ifaddrs') as {
      next: bigint | null;
      name: string;
      flags: number;
      address: bigint | null;
      netmask: bigint | null;
    };
    rows.push({
      name: row.name,
      flags: row.flags,
      address: copySockaddr(row.address),
      netmask: copySockaddr(row.netmask),
    });
    at = row.next;
  }
  if (list[0]) freeifaddrs(list[0]);
  return rows;
}

function copySockaddr(address: bigint | null): Buffer | undefined {
  if (address === null || address === 0n) return undefined;
  const bytes = SOCKADDR_BYTES[copyFromNative(address, 2).readUInt16LE(0)];
  return bytes === undefined ? undefined : copyFromNative(address, bytes);
}

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** socket(2); -1 when it fails. */
export const socket = declare<(family: number, type: number, protocol: number) => number>(
  'int socket(int family, int type, int protocol)',
);
const setsockopt = declare<
  (fd: number, level: number, name: number, value: Uint8Array, bytes: number) => number
>('int setsockopt(int fd, int level, int name, void *value, unsigned int bytes)');
const bind = declare<(fd: number, address: Uint8Array, bytes: number) => number>(
  'int bind(int fd, void *address, unsigned int bytes)',
);

/** The name of the last call's error, such as EPERM. Read before anything else is called. */
export function lastErrno(): string {
  return getSystemErrorName(-koffi.errno());
}

/** A call that failed: SYSTEM_CALL. */
export class SystemCallError extends MandosError {
  override readonly name = 'SystemCallError';
  /** What was called, as the error says it. */
  readonly call: string;
  /** Such as EPERM. */
  readonly errorName: string;
  constructor(call: string, errorName: string) {
    super('SYSTEM_CALL', `${call}: ${inWords(errorName)}`);
    this.call = call;
    this.errorName = errorName;
  }
}

function inWords(errorName: string): string {
  const [, words = errorName] = [...getSystemErrorMap().values()].find(([name]) => name === errorName) ?? [];
  return words;
}

/** The last call's error. Made before anything else is called. */
export function failed(call: string): SystemCallError {
  return new SystemCallError(call, lastErrno());
}

/**
 * A TCP socket that can be bound: close-on-exec, non-blocking, address reuse on, and IPv4 through it for AF_INET6.
 * @returns its file descriptor, the caller's to close
 */
export function openTcpSocket(family: typeof AF_INET | typeof AF_INET6): number {
  const fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failed('socket');
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  return fd;
}

function setOption(fd: number, level: number, name: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  if (setsockopt(fd, level, name, bytes, bytes.length) !== 0) throw failed('setsockopt');
}

/** Lets a socket send and receive on one interface only (SO_BINDTODEVICE of socket(7)). */
export function bindToDevice(fd: number, interfaceName: string): void {
  const name = Buffer.from(`${interfaceName}\0`);
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) !== 0) throw failed('SO_BINDTODEVICE');
}

/** Binds a socket to a `struct sockaddr` of its family. */
export function bindSocket(fd: number, sockaddr: Uint8Array): void {
  if (bind(fd, sockaddr, sockaddr.length) !== 0) throw failed('bind');
}

const RLIMIT_CORE = 4;
const prlimit64 = declare<(pid: number, resource: number, limits: Uint8Array, old: null) => number>(
  'int prlimit64(int pid, int resource, void *limits, void *old)',
);

/**
 * Keeps this process's memory, and the secrets in it, out of core files and crash collectors. A limit of one byte
 * rather than none: it also stops a pipe in core_pattern, which core(5) exempts from a limit of zero.
 * @returns whether the system has agreed
 */
export function disableCoreDumps(): boolean {
  // struct rlimit64, the same on machines of 32 and of 64 bits.
  const limits = Buffer.alloc(16);
  limits.writeBigUInt64LE(1n, 0);
  limits.writeBigUInt64LE(1n, 8);
  return prlimit64(0, RLIMIT_CORE, limits, null) === 0;
}
