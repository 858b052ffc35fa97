import { isIPv4, isIPv6 } from 'node:net';
import { quote } from '../../common/config-fault.js';
import { isLinkLocal } from '../../common/ip-address.js';
import type { Parsed } from './values.js';

/** An address to listen on, which may have a scope: fe80::1%eth0 (RFC 4007 section 11). */
export function parseAddress(text: string): Parsed<string> {
  const [address = ''] = text.split('%');
  if (isIPv6(text) || isIPv4(address)) return { value: text };
  return { problem: `${quote(text)} is not an IP address (try :: for all)` };
}

/**
 * What is wrong with listening on an address.
 * @param scope of the address, if it has one
 * @returns undefined when nothing is
 */
export function addressProblem(
  address: string,
  useIpv6: boolean,
  interfaceName: string | undefined,
  scope: string | undefined,
): string | undefined {
  if (isIPv4(address) && useIpv6) {
    return `${address} is an IPv4 address (write ::ffff:${address}, or turn use_ipv6 off)`;
  }
  if (isIPv6(address) && !useIpv6) {
    return `${address} is an IPv6 address, but use_ipv6 is off (give an IPv4 address)`;
  }
  if (scope !== undefined && interfaceName !== undefined && scope !== interfaceName) {
    return `is on interface ${scope}, but the option interface is ${interfaceName}`;
  }
  if (isLinkLocal(address) && interfaceName === undefined && scope === undefined) {
    return `${address} is a link-local address: the option interface is needed with it`;
  }
  return undefined;
}
