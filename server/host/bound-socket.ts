import { closeSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { AF_INET, AF_INET6, bindSocket, bindToDevice, openTcpSocket } from '../../common/libc.js';

export interface BoundSocket {
  readonly fd: number;
  /** Why the socket is not restricted to the interface, where it is not: mandos(8) goes on without. */
  readonly deviceFault: unknown;
}

/**
 * A TCP socket bound to an address and to one interface, which node:net cannot make.
 * @param address IPv4 or IPv6 in text, without a scope
 * @param interfaceName undefined for all interfaces
 * @param interfaceIndex scope of a link-local address; 0 for none
 * @throws MandosError SYSTEM_CALL when the address cannot be bound
 */
export function openBoundSocket(
  address: string,
  port: number,
  interfaceName: string | undefined,
  interfaceIndex: number,
): BoundSocket {
  const family = isIPv4(address) ? AF_INET : AF_INET6;
  const fd = openTcpSocket(family);
  let deviceFault: unknown;
  try {
    if (interfaceName !== undefined) bindToDevice(fd, interfaceName);
  } catch (error) {
    deviceFault = error;
  }
  try {
    bindSocket(
      fd,
      family === AF_INET ? sockaddrIn(address, port) : sockaddrIn6(address, port, interfaceIndex),
    );
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { fd, deviceFault };
}

/** `struct sockaddr_in` of ip(7). */
function sockaddrIn(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}

/** `struct sockaddr_in6` of ipv6(7). */
function sockaddrIn6(address: string, port: number, scope: number): Buffer {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  ipv6Groups(address).forEach((group, i) => bytes.writeUInt16BE(group, 8 + 2 * i));
  bytes.writeUInt32LE(scope, 24);
  return bytes;
}

/** The eight groups of an IPv6 address; the URL parser writes an embedded IPv4 address in hexadecimal. */
function ipv6Groups(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map(group => Number.parseInt(group, 16));
  const [head, tail] = [parse(left), parse(right ?? '')];
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}
