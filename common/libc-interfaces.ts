import { closeSync } from 'node:fs';
import { AF_INET, declare, failed, SOCK_CLOEXEC, socket, SystemCallError } from './libc.js';

const SOCK_DGRAM = 2;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 0x1;
/** `struct ifreq` of netdevice(7): the name, and a union that begins with the flags; the longest, of 64-bit machines. */
const IFREQ_BYTES = 40;
const NAME_BYTES = 16;

// ioctl(2) is variadic, which some machines' calling conventions tell apart; the value follows its type's name.
const ioctl = declare<(fd: number, request: number, type: 'void *', argument: Uint8Array) => number>(
  'int ioctl(int fd, unsigned long request, ...)',
);

/**
 * Brings a network interface up, or takes it down (SIOCSIFFLAGS of netdevice(7)); its other flags stay.
 * @throws SystemCallError EPERM without CAP_NET_ADMIN, ENODEV when there is no such interface, or what its driver says
 */
export function setInterfaceUp(name: string, up: boolean): void {
  const request = Buffer.alloc(IFREQ_BYTES);
  // The last byte of the name ends it.
  if (Buffer.byteLength(name) >= NAME_BYTES) throw new SystemCallError('SIOCGIFFLAGS', 'ENODEV');
  request.write(name);
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failed('socket');
  try {
    if (ioctl(fd, SIOCGIFFLAGS, 'void *', request) !== 0) throw failed('SIOCGIFFLAGS');
    const flags = request.readUInt16LE(NAME_BYTES);
    request.writeUInt16LE(up ? flags | IFF_UP : flags & ~IFF_UP, NAME_BYTES);
    if (ioctl(fd, SIOCSIFFLAGS, 'void *', request) !== 0) throw failed('SIOCSIFFLAGS');
  } finally {
    closeSync(fd);
  }
}
