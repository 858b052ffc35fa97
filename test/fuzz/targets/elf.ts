/* Programs in an image: client-plugin/check/image/elf.ts and node-version.ts. */
import { expectFault } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: ['client-plugin/check/image/'],
  limitBytes: 32 * 1024,
};

export async function prepare(): Promise<Prepared> {
  const { bytesOf, readElf } = await import('../../../client-plugin/check/image/elf.js');
  const { nodeVersionOf } = await import('../../../client-plugin/check/image/node-version.js');
  return {
    run(input) {
      nodeVersionOf(input);
      try {
        readElf(bytesOf(input));
      } catch (error) {
        expectFault(error, 'ELF', 'IMAGE');
      }
    },
  };
}
