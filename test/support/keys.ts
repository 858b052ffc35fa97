import { createHash, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** A TLS raw key pair as mandos-client's files hold it. */
export interface TlsKey {
  readonly publicKey: Buffer;
  readonly privateKey: Buffer;
  readonly keyId: string;
}

export type TlsKeyType = 'ed25519' | 'ed448' | 'ecdsa' | 'rsa';

/** A fresh TLS key pair, strong enough for GnuTLS's profile "ultra". */
export function makeTlsKey(type: TlsKeyType = 'ed25519'): TlsKey {
  const { publicKey, privateKey } = generate(type);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return {
    publicKey: Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })),
    privateKey: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    keyId: createHash('sha256').update(der).digest('hex'),
  };
}

function generate(type: TlsKeyType): { publicKey: KeyObject; privateKey: KeyObject } {
  switch (type) {
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'ed448':
      return generateKeyPairSync('ed448');
    case 'ecdsa':
      return generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 4096 });
  }
}
