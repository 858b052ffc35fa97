/**
 * The names of the volumes of a crypttab(5), in the order in which they are opened. Lines that initramfs-tools skips
 * too, comments and those with less than three fields, do not count.
 */
export function crypttabVolumes(crypttab: Uint8Array): string[] {
  // One character for each byte: an escape may be a part of a longer character.
  const lines = Buffer.from(crypttab).toString('latin1').split('\n');
  const names = lines.flatMap(line => {
    const [name = '', source, key] = line.replace(/^[ \t]+/, '').split(/[ \t]+/);
    return name.startsWith('#') || !source || !key ? [] : unescape(name);
  });
  return [...new Set(names)];
}

/** What has no other way to be written there, a blank for instance, is an octal number: `\040` or `\0040`. */
function unescape(field: string): string {
  const bytes = field.replace(/\\(0[0-7]{1,3}|[1-7][0-7]{0,2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8) & 0xff),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
