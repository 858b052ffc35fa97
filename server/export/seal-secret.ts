import { randomBytes } from 'node:crypto';
import type { Header } from '../import/saved-secret.js';
import { gpgPassword, makeKey } from '../import/saved-secret.js';

const SALT_BYTES = 8;
/** 65,536 bytes are hashed: the password is a whole OpenPGP message, which nobody guesses. */
const COUNT = { byte: 96, bytes: 65_536 };

/**
 * Encrypts a secret as the original keeps it in its clients.pickle: an OpenPGP message with a password, which is the
 * secret that clients.conf has for the client (RFC 9580 sections 5.3.1, 3.7.1.3 and 9).
 */
export async function sealSecret(secret: Uint8Array, configured: Uint8Array): Promise<Uint8Array> {
  const header: Header = {
    cipher: { name: 'aes256', keyBytes: 32 },
    hash: 'sha256',
    salt: randomBytes(SALT_BYTES),
    count: COUNT.bytes,
  };
  const password = gpgPassword(configured);
  const data = makeKey(header, password);
  const { createMessage, encrypt } = await import('openpgp');
  try {
    const message = await createMessage({ binary: secret });
    const sessionKey = { data, algorithm: header.cipher.name };
    const sealed = await encrypt({ message, sessionKey, format: 'binary' });
    // Tag and length; version 4, AES-256, iterated and salted, SHA-256.
    return Buffer.concat([
      Buffer.from([0x8c, 13, 4, 9, 3, 8]),
      header.salt,
      Buffer.from([COUNT.byte]),
      sealed,
    ]);
  } finally {
    data.fill(0);
    password.fill(0);
  }
}
