import { createHash } from 'node:crypto';

/**
 * The key ID that names a machine: SHA-256 of its SubjectPublicKeyInfo (RFC 7250 section 3), the same that
 * `certtool --key-id --hash=sha256` prints.
 * @param spki DER
 * @returns 64 lower-case hexadecimal digits
 */
export function keyId(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex');
}
