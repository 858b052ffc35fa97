import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Variant } from 'dbus-next';
import { decode, parseSignature } from '../../../common/dbus/decode.js';
import { encodeCall, readMessages } from '../../../common/dbus/message.js';
import { seededRandom } from '../../support/random.js';
import { text, uint32 } from './false-bus.js';

const CALL = { destination: 'org.example.Peer', path: '/', interface: 'org.example.Peer', member: 'Say' };

/** Takes what was encoded apart again. */
function bodyOf(message: Buffer): readonly unknown[] {
  const bodies: (readonly unknown[])[] = [];
  const reader = readMessages(
    message.length,
    ({ body }) => bodies.push(body()),
    reason => assert.fail(reason),
  );
  for (let at = 0, wanted = reader.next().value; at < message.length;) {
    const bytes = message.subarray(at, at + wanted);
    at += wanted;
    wanted = reader.next(bytes).value;
  }
  assert.equal(bodies.length, 1);
  return bodies[0] ?? [];
}

test('what dbus-next encodes is decoded, each type at each alignment', () => {
  const variants = { key: new Variant('as', ['value']), other: new Variant('v', new Variant('t', 9n)) };
  /** Type, value, and how it is decoded if otherwise. */
  const values: [string, unknown, unknown?][] = [
    ['y', 255],
    ['b', true],
    ['n', -2],
    ['q', 65535],
    ['i', -3],
    ['u', 4294967295],
    ['x', 9223372036854775807n],
    ['t', 18446744073709551615n],
    ['d', -0.5],
    ['s', 'ö€😀'],
    ['o', '/a/b'],
    ['g', 'a{sv}'],
    ['v', new Variant('(su)', ['in', 7])],
    ['as', ['', 'one']],
    [
      'a(yx)',
      [
        [1, -2n],
        [3, 4n],
      ],
    ],
    ['a{sv}', variants, new Map<string, unknown>(Object.entries(variants))],
    ['ay', Buffer.from([1, 2, 3])],
    ['((y)t)', [[1], 2n]],
    ['av', [new Variant('y', 1), new Variant('d', 2.5)]],
    ['aay', [Buffer.from([9]), Buffer.from([])]],
    ['at', []],
    ['s', 'last'],
  ];
  for (let shift = 0; shift < 8; shift++) {
    const all = [...Array.from({ length: shift }, (): [string, number] => ['y', 1]), ...values];
    const signature = all.map(([type]) => type).join('');
    const message = encodeCall({ ...CALL, signature, body: all.map(([, value]) => value) }, 1);
    assert.deepEqual(
      bodyOf(message),
      all.map(([, value, decoded]) => decoded ?? value),
    );
  }
});

test('both byte orders are read', () => {
  for (const [order, littleEndian] of [
    ['l', true],
    ['B', false],
  ] as const) {
    const bytes = Buffer.concat([uint32(1, order), text('abc', order), uint32(0xfffffffe, order)]);
    assert.deepEqual(decode(parseSignature('bsi'), bytes, littleEndian), [true, 'abc', -2]);
  }
});

test('signatures that D-Bus does not allow are refused', () => {
  const bad = ['a', '()', 'a()', '(y', 'y)', '{yy}', 'a{}', 'a{y}', 'a{yyy}', 'a{vy}', 'a{(y)y}', 'a{yy'];
  for (const signature of [...bad, '(', 'z', 'r', 'e', 'm', '*', ' ', '\0', 'é', '('.repeat(255)])
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
    assert.throws(() => decode(parseSignature(signature), bytes, true), error, title);
  }
});

test('variants may be nested as deeply as D-Bus allows, and no deeper', () => {
  const nested = (depth: number) =>
    Buffer.concat([
      ...Array.from({ length: depth - 1 }, () => Buffer.from([1, 0x76, 0])),
      Buffer.from([1, 0x79, 0, 7]),
    ]);
  assert.doesNotThrow(() => decode(parseSignature('v'), nested(64), true));
  assert.throws(() => decode(parseSignature('v'), nested(65), true), /too deeply/);
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
      decode(parseSignature(letters.join('')), bytes, random() < 0.5);
      decoded++;
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof RangeError), `seed ${seed}: ${String(error)}`);
    }
  }
  assert.ok(decoded > 100, `seed ${seed}: ${decoded}`);
});
