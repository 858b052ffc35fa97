import { BlockList, isIPv6 } from 'node:net';

/** fe80::/10 (RFC 4291 section 2.5.6). */
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');

/** 127.0.0.0/8, also mapped into IPv6 (RFC 1122 section 3.2.1.3), and ::1 (RFC 4291 section 2.5.3). */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Whether an IPv6 address means something only together with a link. @param address without a scope */
export function isLinkLocal(address: string): boolean {
  return isIPv6(address) && LINK_LOCAL.check(address, 'ipv6');
}

/** Whether nothing but this host itself can reach an address. @param address without a scope */
export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
