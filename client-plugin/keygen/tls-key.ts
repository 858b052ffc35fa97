import { generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { decodePem } from '../../common/pem.js';
import { keyId } from '../../common/tls/raw-public-key.js';
import { checkKeyPair } from '../key-pair.js';
import { keygenCommand } from './advice.js';

/** The types of certtool(1) `--key-type` that TLS 1.3 has a signature for, strongest choice first. */
export const TLS_KEY_TYPES = ['ed25519', 'ed448', 'ecdsa', 'rsa'] as const;
export type TlsKeyType = (typeof TLS_KEY_TYPES)[number];

/** Bits of an RSA key, and curve of an ECDSA key, that GnuTLS counts as `ultra`, the level that the original asks for. */
const ULTRA_RSA_BITS = 8192;
const ULTRA_CURVE = 'P-384';

const PUBLIC_LABEL = 'PUBLIC KEY';
/** PKCS#8 is what we write; the other two are what certtool writes by itself. */
const PRIVATE_LABELS = ['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY'];

const generate = promisify(generateKeyPair);

/**
 * Makes a TLS key pair. An RSA key of the wanted strength takes up to minutes.
 * @returns PEM files: PKCS#8 and SubjectPublicKeyInfo
 */
export async function generateTlsKey(type: TlsKeyType): Promise<{ private: string; public: string }> {
  const pair = await generatePair(type);
  return {
    private: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    public: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

function generatePair(type: TlsKeyType): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  switch (type) {
    case 'ed25519':
      return generate('ed25519');
    case 'ed448':
      return generate('ed448');
    case 'ecdsa':
      return generate('ec', { namedCurve: ULTRA_CURVE });
    case 'rsa':
      return generate('rsa', { modulusLength: ULTRA_RSA_BITS });
  }
}

/** A key file and what it holds. */
export interface KeyFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/**
 * Checks a TLS key pair.
 * @returns the key ID by which the server knows the pair
 * @throws MandosError KEY_FILE: not such a key; TLS_KEY: not the halves of one pair
 */
export function checkTlsKeyPair(privateFile: KeyFile, publicFile: KeyFile): string {
  decodePem(privateFile.file, privateFile.bytes, PRIVATE_LABELS);
  decodePem(publicFile.file, publicFile.bytes, [PUBLIC_LABEL]);
  const remake = keygenCommand(dirname(publicFile.file), '--force');
  return keyId(checkKeyPair(publicFile.file, publicFile.bytes, privateFile.file, privateFile.bytes, remake));
}
