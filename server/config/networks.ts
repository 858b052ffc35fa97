import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { quote } from '../../common/config-fault.js';
import type { Parsed } from './values.js';

/** An IPv4 address that a socket for both families shows (RFC 4291 section 2.5.5.2). */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * Networks in CIDR notation (RFC 4632), or single addresses, separated by commas or white space.
 * @returns them in one form, so that equal lists are equal texts
 */
export function parseNetworks(text: string): Parsed<string> {
  const words = text.split(/[\s,]+/).filter(word => word !== '');
  for (const word of words) {
    const problem = networkProblem(word);
    if (problem !== undefined) return { problem };
  }
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

function networkProblem(word: string): string | undefined {
  const [address = '', bits, more] = word.split('/');
  const family = isIPv6(address) ? 'ipv6' : isIPv4(address) ? 'ipv4' : undefined;
  if (!family || address.includes('%') || more !== undefined) {
    return `${quote(word)} is not a network (write 192.0.2.0/24, 2001:db8::/32 or an address)`;
  }
  if (MAPPED.test(address)) return `${quote(word)} is an IPv4 network in disguise (write it without ::ffff:)`;
  if (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width(family))) return undefined;
  return `${quote(word)} has no valid number of bits (allowed: 0 to ${width(family)})`;
}

function width(family: 'ipv4' | 'ipv6'): number {
  return family === 'ipv6' ? 128 : 32;
}
