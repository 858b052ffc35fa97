/* Values that fit a type are the same when they are encoded and decoded, whatever type and value the input chooses. */
import { isDeepStrictEqual } from 'node:util';
import { MandosError } from '../../../common/errors.js';
import { randomType, randomValue } from '../../common/dbus/random-values.js';
import { check } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = { covers: ['common/dbus/'], limitBytes: 512 };

export async function prepare(): Promise<Prepared> {
  const { decode } = await import('../../../common/dbus/decode.js');
  const { encode } = await import('../../../common/dbus/encode.js');
  const { parseSignature, parseType } = await import('../../../common/dbus/signature.js');
  return {
    seeds: [Buffer.from(Array.from({ length: 256 }, (_, i) => (i * 167) & 0xff))],
    run(input) {
      // Behind its end, an input ends what it has begun: 0.3 is a basic type, and not a variant in a variant.
      let at = 0;
      const random = () => (at < input.length ? (input[at++] ?? 0) / 256 : 0.3);
      const signature = Array.from({ length: 1 + random() * 8 }, () => randomType(random))
        .join('')
        .slice(0, 255);
      let types;
      try {
        types = parseSignature(signature);
      } catch {
        return; // cut off
      }
      const values = types.map(type => randomValue(random, type, parseType));
      let bytes;
      try {
        bytes = encode(signature, values);
      } catch (error) {
        if (error instanceof MandosError && error.message.endsWith('nested too deeply')) return;
        throw error;
      }
      check(
        isDeepStrictEqual(decode(signature, bytes, true), values),
        `${signature} is another when decoded`,
      );
    },
  };
}
