import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../../common/dbus/decode.js';
import { parseSignature } from '../../../common/dbus/signature.js';
import { seededRandom } from '../../support/random.js';
import { text, uint32 } from './false-bus.js';

test('both byte orders are read', () => {
  for (const [order, littleEndian] of [
    ['l', true],
    ['B', false],
  ] as const) {
    const bytes = Buffer.concat([uint32(1, order), text('abc', order), uint32(0xfffffffe, order)]);
    assert.deepEqual(decode('bsi', bytes, littleEndian), [true, 'abc', -2]);
  }
});

test('signatures that D-Bus does not allow are refused', () => {
  const bad = ['a', '()', 'a()', '(y', 'y)', '{yy}', 'a{}', 'a{y}', 'a{yyy}', 'a{vy}', 'a{(y)y}', 'a{yy'];
  for (const signature of [
    ...bad,
    '(',
    'z',
    'r',
    'e',
    'm',
    '*',
    ' ',
    '\0',
    'é',
    '('.repeat(255),
    'y'.repeat(256),
    `${'a'.repeat(33)}y`,
    `${'('.repeat(33)}y${')'.repeat(33)}`,
  ])
    assert.throws(() => parseSignature(signature), Error, signature);
  assert.deepEqual(parseSignature(''), []);
});

test('bytes that are no values of their signature are refused', () => {
  const huge = uint32(0xffffffff);
  const cases: Record<string, [signature: string, bytes: Buffer]> = {
    'nothing where a value should be': ['u', Buffer.alloc(0)],
    'more than the signature says': ['y', Buffer.alloc(2)],
    'a text longer than all': ['s', Buffer.concat([huge, Buffer.alloc(8)])],
    'a text without its end': ['s', Buffer.concat([uint32(1), Buffer.from('ab')])],
    'text that is not UTF-8': ['s', Buffer.concat([uint32(2), Buffer.from([0xc3, 0x28, 0])])],
    'a boolean of 2': ['b', uint32(2)],
    'an array longer than all': ['ay', Buffer.concat([huge, Buffer.alloc(8)])],
    'an array of structures longer than all': ['a(y)', Buffer.concat([huge, Buffer.alloc(12)])],
    'an array of arrays at 2 GiB': ['aay', Buffer.concat([uint32(8), uint32(0x80000000), uint32(1)])],
    'an array that its last element leaves': ['au', Buffer.concat([uint32(5), Buffer.alloc(8)])],
    'a variant without a type': ['v', Buffer.from([0, 0])],
    'a variant of two types': ['v', Buffer.from([2, 0x79, 0x79, 0, 1, 2])],
    'variants within variants': [
      'v',
      Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([1, 0x76, 0]))),
    ],
  };
  for (const [title, [signature, bytes]] of Object.entries(cases)) {
    const error = (thrown: unknown) => thrown instanceof Error && !(thrown instanceof RangeError);
    assert.throws(() => decode(signature, bytes, true), error, title);
  }
});

test('variants may be nested as deeply as D-Bus allows, and no deeper', () => {
  const nested = (depth: number) =>
    Buffer.concat([
      ...Array.from({ length: depth - 1 }, () => Buffer.from([1, 0x76, 0])),
      Buffer.from([1, 0x79, 0, 7]),
    ]);
  assert.doesNotThrow(() => decode('v', nested(64), true));
  assert.throws(() => decode('v', nested(65), true), /too deeply/);
});

const LETTERS = 'yuxsgvaa(){}h';

test('random bytes under random signatures come to an end, with values or an error', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  let decoded = 0;
  for (let i = 0; i < 100_000; i++) {
    const letters = Array.from({ length: 1 + random() * 6 }, () => LETTERS.charAt(random() * LETTERS.length));
    // Small numbers make plausible lengths; the rest is anything.
    const bytes = Buffer.from(
      Array.from({ length: random() * 48 }, () => (random() < 0.8 ? random() * 3 : random() * 256)),
    );
    try {
      decode(letters.join(''), bytes, random() < 0.5);
      decoded++;
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof RangeError), `seed ${seed}: ${String(error)}`);
    }
  }
  assert.ok(decoded > 100, `seed ${seed}: ${decoded}`);
});
