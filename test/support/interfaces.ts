import type { IpAddress, NetworkInterface } from '../../common/network-interfaces.js';

/** An address as listInterfaces() gives it, without a scope in `scoped`. */
export function ipAddress(address: string, tentative = false): IpAddress {
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  const linkLocal = address.startsWith('fe80:');
  const prefixLength = family === 'ipv6' ? 64 : 24;
  return { family, address, scoped: address, linkLocal, prefixLength, tentative };
}

/** An Ethernet interface that is up and running, with the link-local address fe80::1, but for what the test changes. */
export function ethernet(name: string, changes: Partial<NetworkInterface> = {}): NetworkInterface {
  return {
    name,
    index: 2,
    up: true,
    running: true,
    loopback: false,
    pointToPoint: false,
    broadcast: true,
    multicast: true,
    arp: true,
    addresses: [ipAddress('fe80::1')],
    ...changes,
  };
}
