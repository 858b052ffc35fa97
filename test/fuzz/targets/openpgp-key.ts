/* OpenPGP key files: client-plugin/decrypt.ts, and what mandos-keygen reads back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CORPUS } from '../corpus.js';
import { expectFault } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: ['client-plugin/decrypt.js', 'client-plugin/keygen/openpgp-key.js', 'openpgp/dist/'],
  batch: 16,
};

export async function prepare(): Promise<Prepared> {
  const { readSecretKey } = await import('../../../client-plugin/decrypt.js');
  const { checkPublicKey } = await import('../../../client-plugin/keygen/openpgp-key.js');
  const good = await readSecretKey('seckey.txt', readFileSync(join(CORPUS, 'openpgp-key/gpg-armored')));
  const tolerant = async (work: Promise<unknown>, ...codes: string[]) => {
    try {
      await work;
    } catch (error) {
      expectFault(error, ...codes);
    }
  };
  return {
    async run(input) {
      await tolerant(readSecretKey('seckey.txt', input), 'KEY_FILE');
      await tolerant(checkPublicKey('pubkey.txt', input, good), 'KEY_FILE', 'KEY_MISMATCH');
    },
  };
}
