import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { quote } from '../../common/config-fault.js';
import { listed } from '../../common/listed.js';
import type { Parsed } from './values.js';

/** An IPv4 address that a socket for both families shows (RFC 4291 section 2.5.5.2). */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Of one list; a fault is one line. */
const PROBLEMS_SHOWN = 5;

/** What isOnLink() of the release takes for link-local. */
const LINK_LOCAL = ['fe80::/10', '169.254.0.0/16'];

/**
 * Networks in CIDR notation (RFC 4632), or single addresses, separated by commas or white space.
 * @returns them in one form, so that equal lists are equal texts
 */
export function parseNetworks(text: string): Parsed<string> {
  const words = text.split(/[\s,]+/).filter(word => word !== '');
  const problems = words.flatMap(word => networkProblem(word) ?? []);
  if (problems.length > 0) return { problem: listed(problems, PROBLEMS_SHOWN, '; ') };
  return { value: words.map(word => word.toLowerCase()).join(' ') };
}

/** Whether an address is in one of these networks. @param networks as parseNetworks() returns them */
export function networkMatcher(networks: string): (address: string) => boolean {
  const list = new BlockList();
  for (const word of networks.split(' ').filter(each => each !== '')) {
    const [address = '', bits] = word.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, bits === undefined ? width(family) : Number(bits), family);
  }
  return address => {
    const [bare = ''] = address.split('%');
    const plain = MAPPED.exec(bare)?.[1] ?? bare;
    return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  };
}

/** Whether any address in these networks is link-local. @param networks as parseNetworks() returns them */
export function hasLinkLocal(networks: string): boolean {
  const isInside = networkMatcher(networks);
  const isLinkLocal = networkMatcher(LINK_LOCAL.join(' '));
  // Of two networks in CIDR notation that overlap, one has the first address of the other.
  return [
    ...networks
      .split(' ')
      .filter(each => each !== '')
      .map(firstAddress)
      .map(isLinkLocal),
    ...LINK_LOCAL.map(firstAddress).map(isInside),
  ].includes(true);
}

function firstAddress(network: string): string {
  return network.split('/')[0] ?? '';
}

function networkProblem(word: string): string | undefined {
  const [address = '', bits, more] = word.split('/');
  const family = isIPv6(address) ? 'ipv6' : isIPv4(address) ? 'ipv4' : undefined;
  if (!family || address.includes('%') || more !== undefined) {
    return `${quote(word)} is not a network (write 192.0.2.0/24, 2001:db8::/32 or an address)`;
  }
  if (MAPPED.test(address)) return `${quote(word)} is an IPv4 network in disguise (write it without ::ffff:)`;
  if (bits === undefined) return undefined;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > width(family)) {
    return `${quote(word)} has no valid number of bits (allowed: 0 to ${width(family)})`;
  }
  // The address of a host, or a slip: who may connect is not to be guessed.
  if (isFirstAddress(address, Number(bits), family)) return undefined;
  return `${quote(word)} is not the first address of its network (write that, or the address without /${bits})`;
}

/** Whether all bits behind those of the network are 0. */
function isFirstAddress(address: string, bits: number, family: 'ipv4' | 'ipv6'): boolean {
  const groupBits = family === 'ipv6' ? 16 : 8;
  return groupsOf(address, family).every((group, i) => {
    const hostBits = Math.min(Math.max((i + 1) * groupBits - bits, 0), groupBits);
    return group % 2 ** hostBits === 0;
  });
}

/** The numbers between the dots or colons of a valid address (RFC 4291 section 2.2). */
function groupsOf(address: string, family: 'ipv4' | 'ipv6'): number[] {
  if (family === 'ipv4') return address.split('.').map(Number);
  // An IPv4 address at its end becomes two groups, and zeros become `::`.
  const [before = '', after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const read = (text: string) =>
    text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16));
  const [first, last] = [read(before), read(after ?? '')];
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
}

function width(family: 'ipv4' | 'ipv6'): number {
  return family === 'ipv6' ? 128 : 32;
}
