/**
 * Whether clients can make use of a secret: an OpenPGP message in binary.
 * @returns undefined when it looks like one; else what it is instead, and never a part of it
 */
export function secretFormatProblem(secret: Uint8Array): string | undefined {
  const start = Buffer.from(secret.subarray(0, 64)).toString('latin1').trimStart();
  if (start.startsWith('-----BEGIN PGP'))
    return 'is ASCII-armored OpenPGP; clients need it in binary (gpg --dearmor)';
  // Every OpenPGP packet begins with bit 7 set (RFC 4880 section 4.2).
  if (((secret[0] ?? 0) & 0x80) !== 0) return undefined;
  return 'is not an OpenPGP message; clients cannot decrypt it (mandos-keygen --password makes one)';
}
