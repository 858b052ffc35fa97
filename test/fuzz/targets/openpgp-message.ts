/* What a false server may send in place of the secret: client-plugin/decrypt.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECRET_LIMIT_BYTES } from '../../../common/protocol.js';
import { CORPUS } from '../corpus.js';
import { check, expectFault } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: ['client-plugin/decrypt.js', 'common/secret-format.js', 'openpgp/dist/'],
  batch: 16,
};

export async function prepare(): Promise<Prepared> {
  const { decryptSecret, readSecretKey } = await import('../../../client-plugin/decrypt.js');
  const { secretFormatProblem } = await import('../../../common/secret-format.js');
  const key = await readSecretKey('seckey.txt', readFileSync(join(CORPUS, 'openpgp-key/gpg-armored')));
  return {
    async run(input) {
      secretFormatProblem(input);
      let password;
      try {
        password = await decryptSecret(input, key);
      } catch (error) {
        expectFault(error, 'DECRYPT_');
        return;
      }
      check(password instanceof Uint8Array, 'no bytes');
      check(password.length <= SECRET_LIMIT_BYTES, `a password of ${password.length} bytes`);
    },
  };
}
