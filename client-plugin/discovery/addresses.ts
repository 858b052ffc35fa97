import type { IpAddress } from '../../common/network-interfaces.js';

/** Whether an address from an A or AAAA record can be another machine's. */
export function isUsableAddress(address: string): boolean {
  if (address.includes(':')) return !/^(::|::1|ff.*|::ffff:.*)$/i.test(address);
  const first = Number(address.split('.')[0]);
  return first !== 0 && first !== 127 && first < 224;
}

/** Whether it is in fe80::/10, and so means something only together with a link. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/i.test(address);
}

/** Link-local IPv6 first, since it works without any configuration; then other IPv6, then IPv4. */
const RANKS = [0, 1, 2] as const;

function rank(address: string): (typeof RANKS)[number] {
  return isLinkLocal(address) ? 0 : address.includes(':') ? 1 : 2;
}

/** Orders addresses by preference. */
export function orderAddresses(addresses: readonly string[]): string[] {
  return addresses.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Which address gives way when there are too many: one of the kind that most are of, the less preferred kind of two.
 * So no number of false addresses takes the place of the only one of its kind; and of many of a kind a random one of
 * the newer half goes, so that those from before a flood stay.
 * @param addresses one at least, in the order they were found in
 * @param random in [0, 1)
 */
export function dispensable(addresses: readonly string[], random: number): string | undefined {
  const kinds = RANKS.map(of => addresses.filter(address => rank(address) === of));
  const most = kinds.reduce((best, kind) => (kind.length >= best.length ? kind : best));
  const older = Math.floor(most.length / 2);
  return most[older + Math.floor(random * (most.length - older))];
}

/** Whether an IPv4 address belongs to the subnet of one of ours. */
export function isInSubnet(address: string, own: IpAddress): boolean {
  if (own.family !== 'ipv4') return false;
  const shift = 2 ** (32 - own.prefixLength);
  return Math.floor(ipv4Number(address) / shift) === Math.floor(ipv4Number(own.address) / shift);
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}
