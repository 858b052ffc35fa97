/** Multicast DNS on the wire: RFC 6762 section 3. */
export const MDNS_PORT = 5353;
export const MDNS_GROUP = { ipv4: '224.0.0.251', ipv6: 'ff02::fb' } as const;
