import { readFileSync } from 'node:fs';
import type { InterfaceAddress } from './libc.js';
import { AF_INET, AF_INET6, AF_PACKET, interfaceAddresses } from './libc.js';

/** A network interface as netdevice(7) knows it. */
export interface NetworkInterface {
  readonly name: string;
  readonly index: number;
  readonly up: boolean;
  /** Up and with a carrier. */
  readonly running: boolean;
  readonly loopback: boolean;
  readonly pointToPoint: boolean;
  readonly broadcast: boolean;
  readonly multicast: boolean;
  /** Resolves addresses by ARP or neighbour discovery (not NOARP). */
  readonly arp: boolean;
  readonly addresses: readonly IpAddress[];
}

export interface IpAddress {
  readonly family: 'ipv4' | 'ipv6';
  /** Canonical text without a scope. */
  readonly address: string;
  /** `address`, with `%interface` where it means something on that link only (fe80::/10). */
  readonly scoped: string;
  readonly linkLocal: boolean;
  readonly prefixLength: number;
  /** Not usable yet, or found to be another host's too (RFC 4862 section 5.4). */
  readonly tentative: boolean;
}

const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_LOOPBACK = 0x8;
const IFF_POINTOPOINT = 0x10;
const IFF_RUNNING = 0x40;
const IFF_NOARP = 0x80;
const IFF_MULTICAST = 0x1000;

// Of linux/if_addr.h.
const IFA_F_OPTIMISTIC = 0x04;
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;

/**
 * Whether an address cannot be used (yet).
 * @param flags IFA_F_…; one that is tentative and optimistic can be used (RFC 4429)
 */
export function isTentative(flags: number): boolean {
  if (flags & IFA_F_DADFAILED) return true;
  return (flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) === IFA_F_TENTATIVE;
}

/** The interfaces of this process's network namespace, with their addresses, in the kernel's order. */
export function listInterfaces(): NetworkInterface[] {
  return assemble(interfaceAddresses(), tentativeAddresses());
}

/** Pure part of listInterfaces. */
export function assemble(
  rows: readonly InterfaceAddress[],
  tentative: ReadonlySet<string>,
): NetworkInterface[] {
  const found = new Map<string, NetworkInterface & { addresses: IpAddress[]; index: number }>();
  for (const { name: label, flags, address, netmask } of rows) {
    // An IPv4 address may have a label of its own, as `eth0:1`; no interface's name has a colon.
    const [name = ''] = label.split(':');
    let entry = found.get(name);
    if (!entry) {
      const has = (flag: number) => (flags & flag) !== 0;
      entry = {
        name,
        index: 0,
        up: has(IFF_UP),
        running: has(IFF_UP) && has(IFF_RUNNING),
        loopback: has(IFF_LOOPBACK),
        pointToPoint: has(IFF_POINTOPOINT),
        broadcast: has(IFF_BROADCAST),
        multicast: has(IFF_MULTICAST),
        arp: !has(IFF_NOARP),
        addresses: [],
      };
      found.set(name, entry);
    }
    const family = address?.readUInt16LE(0);
    if (address && family === AF_PACKET) entry.index = address.readInt32LE(4);
    if (address && (family === AF_INET || family === AF_INET6)) {
      entry.addresses.push(ipAddress(name, family, address, netmask, tentative));
    }
  }
  return [...found.values()];
}

function ipAddress(
  name: string,
  family: typeof AF_INET | typeof AF_INET6,
  sockaddr: Buffer,
  netmask: Buffer | undefined,
  tentative: ReadonlySet<string>,
): IpAddress {
  const [from, to] = family === AF_INET ? [4, 8] : [8, 24];
  const bytes = sockaddr.subarray(from, to);
  const prefixLength = netmask ? countBits(netmask.subarray(from, to)) : bytes.length * 8;
  if (family === AF_INET) {
    const address = bytes.join('.');
    const linkLocal = bytes[0] === 169 && bytes[1] === 254;
    return { family: 'ipv4', address, scoped: address, linkLocal, prefixLength, tentative: false };
  }
  const address = formatIpv6(bytes);
  const linkLocal = bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
  const scoped = linkLocal ? `${address}%${name}` : address;
  const isWaiting = tentative.has(`${bytes.toString('hex')} ${name}`);
  return { family: 'ipv6', address, scoped, linkLocal, prefixLength, tentative: isWaiting };
}

/** RFC 5952 text of 16 bytes: the URL parser's serialisation is the same. */
function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function countBits(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
}

/** `hex name` of IPv6 addresses that cannot be used (yet); getifaddrs(3) does not tell. */
function tentativeAddresses(): Set<string> {
  let text;
  try {
    // Of the process's own namespace, unlike /sys/class/net, which belongs to that of the mount.
    text = readFileSync('/proc/self/net/if_inet6', 'utf8');
  } catch {
    return new Set(); // IPv6 is switched off in the kernel
  }
  const rows = text.split('\n').map(line => line.trim().split(/\s+/));
  return new Set(
    rows
      .filter(row => isTentative(Number.parseInt(row[4] ?? '0', 16)))
      .map(row => `${row[0] ?? ''} ${row[5] ?? ''}`),
  );
}
