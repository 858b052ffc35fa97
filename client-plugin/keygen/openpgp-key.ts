import { dirname } from 'node:path';
import type { SubkeyOptions } from 'openpgp';
import { describeError, MandosError } from '../../common/errors.js';
import { SECRET_LIMIT_BYTES } from '../../common/protocol.js';
import type { OpenPgpKey } from '../decrypt.js';
import { keygenCommand } from './advice.js';
import type { OpenPgpKeyType } from './options.js';

/** Whose key it is, and what it is like. */
export interface OpenPgpKeyRequest {
  readonly name: string;
  readonly email: string | undefined;
  readonly comment: string | undefined;
  readonly primary: OpenPgpKeyType;
  readonly subkey: OpenPgpKeyType;
  /** Seconds; 0 is for ever. */
  readonly lifetimeSeconds: number;
}

/**
 * Makes an OpenPGP key without a passphrase: a primary key that signs and a subkey that decrypts, of version 4 and
 * with the legacy numbers of Curve25519 (RFC 9580 section 9.2), which every gpg since 2.1 reads.
 * @returns ASCII armored files
 * @throws MandosError KEYGEN: name, email address or comment cannot stand in a user ID
 */
export async function generateOpenPgpKey(
  request: OpenPgpKeyRequest,
): Promise<{ secret: string; public: string }> {
  const { generateKey } = await import('openpgp');
  const { name, email, comment } = request;
  try {
    const { privateKey, publicKey } = await generateKey({
      ...algorithm(request.primary),
      subkeys: [algorithm(request.subkey)],
      userIDs: [
        { name, ...(email === undefined ? {} : { email }), ...(comment === undefined ? {} : { comment }) },
      ],
      keyExpirationTime: request.lifetimeSeconds,
      format: 'armored',
      config: { showComment: true, commentString: `Mandos client key for ${name}` },
    });
    return { secret: privateKey, public: publicKey };
  } catch (error) {
    // The library checks the form of these texts, and nothing else can fail for a reason in the request.
    throw new MandosError(
      'KEYGEN',
      `cannot make the OpenPGP key (${describeError(error)}): check --name, --email and --comment`,
      { cause: error },
    );
  }
}

function algorithm(key: OpenPgpKeyType): Pick<SubkeyOptions, 'type' | 'curve' | 'rsaBits'> {
  return key.type === 'rsa' ? { type: 'rsa', rsaBits: key.bits } : { type: 'ecc', curve: 'curve25519Legacy' };
}

/**
 * Encrypts a password to a key and signs it with the same key, as a binary message that any gpg decrypts.
 * @throws MandosError KEY_UNUSABLE: expired, revoked, or unable to encrypt or to sign; PASSWORD_TOO_LONG
 */
export async function encryptPassword(password: Uint8Array, key: OpenPgpKey): Promise<Uint8Array> {
  const { createMessage, encrypt } = await import('openpgp');
  let secret: Uint8Array;
  try {
    secret = await encrypt({
      message: await createMessage({ binary: password }),
      encryptionKeys: key.secretKey.toPublic(),
      signingKeys: key.secretKey,
      format: 'binary',
      // Keys that the original made years ago (DSA and ElGamal, short RSA) must go on working: the message has to be
      // decrypted by no other key.
      config: { aeadProtect: false, minRSABits: 0, rejectPublicKeyAlgorithms: new Set() },
    });
  } catch (error) {
    throw new MandosError(
      'KEY_UNUSABLE',
      `cannot encrypt with the key in ${key.file} (${describeError(error)}): make new keys with "${keygenCommand(dirname(key.file), '--force')}"`,
      { cause: error },
    );
  }
  if (secret.length > SECRET_LIMIT_BYTES) {
    throw new MandosError(
      'PASSWORD_TOO_LONG',
      `the encrypted password has ${secret.length} bytes, and mandos-client takes ${SECRET_LIMIT_BYTES}: use a shorter one`,
    );
  }
  return secret;
}

/**
 * Checks that a public key file belongs to the secret key.
 * @returns the fingerprint in upper-case hexadecimal, as gpg shows it
 * @throws MandosError KEY_FILE, KEY_MISMATCH
 */
export async function checkPublicKey(file: string, bytes: Uint8Array, key: OpenPgpKey): Promise<string> {
  const { readKey } = await import('openpgp');
  let fingerprint;
  try {
    fingerprint = (await readKey({ armoredKey: Buffer.from(bytes).toString('latin1') })).getFingerprint();
  } catch (error) {
    throw new MandosError('KEY_FILE', `${file} is not an OpenPGP public key (${describeError(error)})`, {
      cause: error,
    });
  }
  if (fingerprint !== key.secretKey.getFingerprint()) {
    throw new MandosError(
      'KEY_MISMATCH',
      `${file} does not belong to ${key.file}: restore the one that does, or make new keys with "${keygenCommand(dirname(file), '--force')}"`,
    );
  }
  return fingerprint.toUpperCase();
}
