/* TLS key files: the readers of mandos-client, of mandos-keygen, and GnuTLS's. */
import { generateKeyPairSync } from 'node:crypto';
import { CLIENT_PRIORITY } from '../../../common/protocol.js';
import { makeTlsKey } from '../../support/keys.js';
import { expectFault } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: [
    'common/pem.js',
    'client-plugin/key-pair.js',
    'client-plugin/keygen/tls-key.js',
    'common/tls/',
    'node-forge/lib/asn1.js',
    'node-forge/lib/pem.js',
  ],
  limitBytes: 8192,
  batch: 32,
};

export async function prepare(): Promise<Prepared> {
  const { decodePem } = await import('../../../common/pem.js');
  const { checkKeyPair } = await import('../../../client-plugin/key-pair.js');
  const { checkTlsKeyPair } = await import('../../../client-plugin/keygen/tls-key.js');
  const { TlsContext } = await import('../../../common/tls/tls-context.js');
  const pair = (publicKey: Uint8Array, privateKey: Uint8Array) =>
    Buffer.concat([publicKey, Buffer.alloc(1), privateKey]);
  const made = (['ed25519', 'ed448', 'ecdsa'] as const).map(type => makeTlsKey(type));
  const traditional = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const tolerant = (work: () => void, ...codes: string[]) => {
    try {
      work();
    } catch (error) {
      expectFault(error, ...codes);
    }
  };
  return {
    seeds: [
      ...made.map(({ publicKey, privateKey }) => pair(publicKey, privateKey)),
      pair(
        Buffer.from(traditional.publicKey.export({ type: 'spki', format: 'pem' })),
        Buffer.from(traditional.privateKey.export({ type: 'sec1', format: 'pem' })),
      ),
    ],
    /** The public key, a NUL, and the private key. */
    run(input) {
      const at = input.indexOf(0);
      const [publicKey, privateKey] =
        at < 0 ? [input, input] : [input.subarray(0, at), input.subarray(at + 1)];
      tolerant(() => decodePem('tls-pubkey.pem', publicKey, ['PUBLIC KEY']), 'KEY_FILE');
      tolerant(() => checkKeyPair('tls-pubkey.pem', publicKey, 'tls-privkey.pem', privateKey), 'TLS_KEY');
      const [publicFile, privateFile] = [
        { file: 'tls-pubkey.pem', bytes: publicKey },
        { file: 'tls-privkey.pem', bytes: privateKey },
      ];
      tolerant(() => checkTlsKeyPair(privateFile, publicFile), 'KEY_FILE', 'TLS_KEY');
      tolerant(() => new TlsContext(CLIENT_PRIORITY, { publicKey, privateKey }).close(), 'TLS_KEY');
    },
  };
}
