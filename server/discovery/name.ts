/** Bytes of one label (RFC 1035 section 2.3.4); an instance's name is one label (RFC 6763 section 4.1.1). */
const LABEL_LIMIT_BYTES = 63;

/** The next name to try when another host has this one: `Mandos`, `Mandos #2`, `Mandos #3`, as Avahi counts. */
export function alternativeName(name: string): string {
  const [, base = name, number = '1'] = /^(.*) #(\d{1,9})$/su.exec(name) ?? [];
  const suffix = ` #${Number(number) + 1}`;
  return truncate(base, LABEL_LIMIT_BYTES - suffix.length) + suffix;
}

/** The name as one label. multicast-dns cannot write a dot within a label: it becomes a dash (mandos(8)). */
export function instanceLabel(name: string): string {
  return truncate(name.replaceAll('.', '-'), LABEL_LIMIT_BYTES);
}

/**
 * A host name for the embedded responder. Not the one that Avahi has, which would take our goodbye for its own. Nor
 * made of what a cloned machine shares with its twin (host name, machine-id): `random` makes it this process's own,
 * so that it needs no probing (RFC 6762 section 8.1).
 * @param random hexadecimal digits
 */
export function hostLabel(hostname: string, random: string): string {
  const suffix = `-mandos-${random}`;
  const first = hostname.split('.', 1)[0] ?? '';
  const clean = first.replace(/[^0-9A-Za-z-]/g, '-') || 'host';
  return truncate(clean, LABEL_LIMIT_BYTES - suffix.length) + suffix;
}

/** At most so many bytes of UTF-8, in whole characters. */
function truncate(text: string, bytes: number): string {
  // As a stream, the decoder keeps back a character whose end is missing.
  return new TextDecoder().decode(Buffer.from(text).subarray(0, bytes), { stream: true });
}
