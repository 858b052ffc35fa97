/** An IPv4 address that a socket for both families shows (RFC 4291 section 2.5.5.2). */
const MAPPED = /^::ffff:(?=\d+\.)/i;
/** fe80::/10 (RFC 4291 section 2.5.6). */
const LINK_LOCAL_IPV6 = /^fe[89ab][0-9a-f]:/i;
/** RFC 3927. */
const LINK_LOCAL_IPV4 = '169.254.';

const GROUPS = 8;
/** Of a network of 64 bits. */
const NETWORK_GROUPS = 4;

/**
 * What counts as one peer. An IPv6 host has any address of its network of 64 bits at will, so that the network counts;
 * of a link-local one that network is everybody, so that the address counts, on its own link.
 * @param address as a socket has it, link-local ones with their scope: `::ffff:192.0.2.7`, `fe80::1%eth0`
 * @returns `192.0.2.7`, `fe80::1%eth0` or `2001:db8:0:7::/64`
 */
export function addressUnit(address: string): string {
  const plain = address.replace(MAPPED, '');
  return plain.includes(':') && !LINK_LOCAL_IPV6.test(plain) ? network64(plain) : plain;
}

/** Whether only a machine on the same link can have this address, in either family. */
export function isOnLink(address: string): boolean {
  return LINK_LOCAL_IPV6.test(address) || address.replace(MAPPED, '').startsWith(LINK_LOCAL_IPV4);
}

function network64(address: string): string {
  const [before = '', after] = address.split('::');
  const groups = groupsOf(before);
  if (after !== undefined && groups.length < NETWORK_GROUPS) {
    const last = groupsOf(after);
    // An IPv4 address at the end has the place of two groups.
    const width = last.length + (after.includes('.') ? 1 : 0);
    while (groups.length + width < GROUPS) groups.push('0');
    groups.push(...last);
  }
  return `${groups.slice(0, NETWORK_GROUPS).join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
