import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { MandosError } from '../common/errors.js';

/**
 * Checks that the two files of a TLS key pair belong together: no server can tell this end that they do not, since the
 * handshake only fails.
 * @param publicBytes PEM
 * @param privateBytes PEM; the caller may overwrite it afterwards
 * @param remake the command that makes a new pair
 * @returns the public key as SubjectPublicKeyInfo, DER
 * @throws MandosError TLS_KEY: one holds no key, or the two are not the halves of one pair
 */
export function checkKeyPair(
  publicFile: string,
  publicBytes: Uint8Array,
  privateFile: string,
  privateBytes: Uint8Array,
  remake = 'mandos-keygen --force',
): Uint8Array {
  const read = (file: string, bytes: Uint8Array, parse: (pem: Buffer) => KeyObject) => {
    try {
      return parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    } catch (error) {
      const fault = `${file} holds no key that can be used: restore it, or make new keys with "${remake}"`;
      throw new MandosError('TLS_KEY', fault, { cause: error });
    }
  };
  const ofPrivate = read(privateFile, privateBytes, pem => createPublicKey(createPrivateKey(pem)));
  const ofPublic = read(publicFile, publicBytes, pem => createPublicKey(pem));
  if (!ofPrivate.equals(ofPublic)) {
    throw new MandosError(
      'TLS_KEY',
      `${publicFile} does not belong to ${privateFile}: restore the one that does, or make new keys with "${remake}"`,
    );
  }
  return ofPublic.export({ type: 'spki', format: 'der' });
}
