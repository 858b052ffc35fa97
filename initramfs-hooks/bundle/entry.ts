import { decryptSecret, readSecretKey } from '../../client-plugin/decrypt.js';

export { main } from '../../client-plugin/run-client.js';

/**
 * Runs what a boot runs, so that V8's code cache has the functions compiled that are otherwise compiled when first
 * called. Used when the bundle is built.
 */
export async function warmUp(): Promise<void> {
  const openpgp = await import('openpgp');
  const { privateKey, publicKey } = await openpgp.generateKey({
    userIDs: [{ name: 'warm-up' }],
    type: 'curve25519',
    format: 'object',
  });
  const blob = await openpgp.encrypt({
    message: await openpgp.createMessage({ binary: new Uint8Array([1]) }),
    encryptionKeys: publicKey,
    signingKeys: privateKey,
    format: 'binary',
  });
  const key = await readSecretKey('warm-up', Buffer.from(privateKey.armor()));
  await decryptSecret(blob, key);
}
