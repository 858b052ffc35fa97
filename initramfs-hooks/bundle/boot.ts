import { standardErrorSink } from '../../common/log.js';
import { BOOT_LAUNCHER } from './layout.js';
import type { BootProgram } from './layout.js';
import { start } from './programs.js';
import type { Load } from './programs.js';

/** The programs of the initramfs (boot.cjs). */
const PROGRAMS: Readonly<Record<BootProgram, Load>> = {
  'plugin-runner': () => import('../../client-plugin/plugin-runner/run-plugin-runner.js'),
  'password-agent': () => import('../../client-plugin/password-agent/main.js'),
  'mandos-to-cryptroot-unlock': () => import('../../client-plugin/unlock/main.js'),
  'mandos-client': () => import('../../client-plugin/run-client.js'),
  'password-prompt': () => import('../../client-plugin/prompts/run-password-prompt.js'),
  'askpass-fifo': () => import('../../client-plugin/prompts/run-askpass-fifo.js'),
  plymouth: () => import('../../client-plugin/prompts/run-plymouth.js'),
};

export function main(calledAs: string, argv: readonly string[]): Promise<void> {
  return start(PROGRAMS, BOOT_LAUNCHER, calledAs, argv, standardErrorSink);
}

/**
 * Runs what a boot runs, so that V8's code cache has the functions compiled that are otherwise compiled when first
 * called.
 */
export async function warmUp(): Promise<void> {
  await Promise.all(Object.values(PROGRAMS).map(load => load()));
  const { decryptSecret, readSecretKey } = await import('../../client-plugin/decrypt.js');
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
