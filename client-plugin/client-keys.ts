import { readFileSync } from 'node:fs';
import { describeError, MandosError } from '../common/errors.js';

/** A key as it was read. */
export interface KeyBytes {
  /** Where from: for messages. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** What a machine proves itself with and decrypts its password with. */
export interface ClientKeys {
  /** OpenPGP secret key. */
  readonly seckey: KeyBytes;
  /** TLS public key, PEM. */
  readonly tlsPubkey: KeyBytes;
  /** TLS private key, PEM. */
  readonly tlsPrivkey: KeyBytes;
}

/** The key files' names: `--seckey`, `--tls-pubkey` and `--tls-privkey` of mandos-client(8mandos). */
export type KeyFiles = Readonly<Record<keyof ClientKeys, string>>;

/**
 * Reads all keys, the caller's to overwrite (`wipeKeys`).
 * @throws MandosError KEY_FILE naming the file
 */
export function readClientKeys({ seckey, tlsPubkey, tlsPrivkey }: KeyFiles): ClientKeys {
  const read: KeyBytes[] = [];
  const readKey = (file: string): KeyBytes => {
    const key = { file, bytes: readKeyFile(file) };
    read.push(key);
    return key;
  };
  try {
    return { seckey: readKey(seckey), tlsPubkey: readKey(tlsPubkey), tlsPrivkey: readKey(tlsPrivkey) };
  } catch (error) {
    for (const { bytes } of read) bytes.fill(0);
    throw error;
  }
}

/** Overwrites the secret ones. */
export function wipeKeys({ seckey, tlsPrivkey }: ClientKeys): void {
  seckey.bytes.fill(0);
  tlsPrivkey.bytes.fill(0);
}

/** @throws MandosError KEY_FILE naming the file */
export function readKeyFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new MandosError('KEY_FILE', `cannot read the key file ${file}: ${describeError(error)}`, {
      cause: error,
    });
  }
}
