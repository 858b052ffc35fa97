/* Messages as a bus relays them: common/dbus/read-messages.ts, decode.ts, and encode.ts with what was decoded. */
import { isDeepStrictEqual } from 'node:util';
import type { Incoming } from '../../../common/dbus/read-messages.js';
import { MandosError } from '../../../common/errors.js';
import { check } from './expected.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

/** Of one header or body, so that longer ones are read past. */
const LIMIT_BYTES = 1024;

export const facts: TargetFacts = {
  covers: ['common/dbus/'],
};

export async function prepare(): Promise<Prepared> {
  const { readMessages } = await import('../../../common/dbus/read-messages.js');
  const { decode } = await import('../../../common/dbus/decode.js');
  const { encode } = await import('../../../common/dbus/encode.js');
  const { encodeMessage, METHOD_CALL, SIGNAL } = await import('../../../common/dbus/message.js');
  const call = { path: '/a', interface: 'se.recompile.Mandos', member: 'Get', destination: ':1.1' };
  const dictionary = new Map([
    ['Name', { signature: 's', value: 'é' }],
    ['Timeout', { signature: 't', value: 5n }],
    ['Secret', { signature: 'ay', value: Buffer.from([1, 2]) }],
  ]);
  const seeds = [
    encodeMessage(METHOD_CALL, { ...call, signature: 'ss', body: ['a', 'b'] }, 1),
    encodeMessage(SIGNAL, { ...call, signature: 'sa{sv}as', body: ['x', dictionary, ['y']] }, 2),
    encodeMessage(
      SIGNAL,
      { ...call, signature: 'a(iid)bnqxg', body: [[[1, 2, 0.5]], true, 1, 2, 3n, 'a{sv}'] },
      3,
    ),
  ].map(parts => Buffer.concat(parts));
  // What is malformed is said by a plain Error, which is not an accident within the decoder.
  const orMalformed = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      check(
        error instanceof Error && (error.constructor === Error || error instanceof TypeError),
        String(error),
      );
      // TextDecoder has no other error for what is no UTF-8.
      if (error instanceof TypeError)
        check('code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA', String(error.stack));
      return undefined;
    }
  };
  return {
    seeds: [...seeds, Buffer.concat(seeds)],
    run(input) {
      const messages: Incoming[] = [];
      const faults: string[] = [];
      // What is thrown within these would only drop a message.
      const reader = readMessages(
        LIMIT_BYTES,
        message => messages.push(message),
        fault => faults.push(fault),
      );
      orMalformed(() => {
        let wanted = reader.next().value;
        for (let at = 0; at + wanted <= input.length;) {
          check(Number.isInteger(wanted) && wanted > 0 && wanted <= 64 * 1024, `wants ${wanted} bytes`);
          const bytes = input.subarray(at, at + wanted);
          at += wanted;
          wanted = reader.next(bytes).value;
        }
      });
      check(!faults.some(fault => fault.includes('\n')), faults.join());
      for (const message of messages) {
        const body = orMalformed(message.body);
        if (!body) continue;
        let bytes;
        try {
          bytes = encode(message.signature, body);
        } catch (error) {
          // Stricter than the decoder: object paths, signatures within values.
          if (error instanceof MandosError && error.code === 'DBUS_VALUE') continue;
          throw error;
        }
        check(
          isDeepStrictEqual(decode(message.signature, bytes, true), [...body]),
          'it is another when encoded',
        );
      }
    },
  };
}
