import type { Origin, Peer } from './events.js';

/** RFC 3339, in UTC, with milliseconds. @param ms milliseconds since the Unix epoch */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** IPv4 as such, as the log shows it. */
export function peerFields({ address, port }: Peer) {
  return { address: address.replace(/^::ffff:(?=\d+\.)/i, ''), port };
}

/** The user ID is null where nobody's decision it was, or where the bus does not know it. */
export function originFields(origin: Origin) {
  return { by: origin.kind, uid: origin.kind === 'operator' ? (origin.uid ?? null) : null };
}

/** As D-Bus and mandos-ctl show it. */
export function formatKeyId(keyId: string | undefined): string | null {
  return keyId?.toUpperCase() ?? null;
}
