import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { decode } from '../../../common/dbus/decode.js';
import { encode } from '../../../common/dbus/encode.js';
import { encodeMessage, METHOD_CALL } from '../../../common/dbus/message.js';
import { parseSignature, parseType } from '../../../common/dbus/signature.js';
import { MandosError } from '../../../common/errors.js';
import { seededRandom } from '../../support/random.js';
import { requires } from '../../support/requires.js';
import { startPrivateBus } from './private-bus.js';
import { randomType, randomValue } from './random-values.js';

const execute = promisify(execFile);
const isMisfit = (error: unknown) => error instanceof MandosError && error.code === 'DBUS_VALUE';

test('what is encoded is decoded: random values of random types', () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  for (let i = 0; i < 3000; i++) {
    const signature = Array.from({ length: 1 + random() * 8 }, () => randomType(random))
      .join('')
      .slice(0, 255);
    let types;
    try {
      types = parseSignature(signature);
    } catch {
      continue; // cut off
    }
    const values = types.map(type => randomValue(random, type, parseType));
    const bytes = encode(signature, values);
    assert.deepEqual(decode(signature, bytes, true), values, `seed ${seed}: ${signature}`);
  }
});

test('each type keeps its alignment wherever it starts, also when the buffer has to grow', () => {
  const values: [string, unknown][] = [
    ['n', -2],
    ['u', 4_294_967_295],
    ['x', -9_223_372_036_854_775_808n],
    ['d', -0.5],
    ['s', 'ö€😀'],
    ['g', 'a{sv}'],
    ['v', { signature: 't', value: 18_446_744_073_709_551_615n }],
    ['a(yx)', [[1, -2n]]],
    ['at', []],
    ['a{sv}', new Map([['key', { signature: 'as', value: ['value'] }]])],
    ['aay', [Buffer.from([9]), Buffer.alloc(0)]],
  ];
  for (let shift = 0; shift < 600; shift++) {
    for (const [type, value] of values) {
      const all = [Buffer.alloc(shift, 7), 1, value];
      assert.deepEqual(decode(`ayy${type}`, encode(`ayy${type}`, all), true), all, `${shift} ${type}`);
    }
  }
});

test('a safe integer will do for 64 bits', () => {
  assert.deepEqual(decode('xt', encode('xt', [-1, 2 ** 53 - 1]), true), [-1n, 9_007_199_254_740_991n]);
});

test('values that are not of their type are refused, with the place and without the value', () => {
  const secret = 'hunter2';
  const cases: [signature: string, values: unknown[], place: RegExp][] = [
    ['s', [7], /^D-Bus: argument 1: not a text$/],
    ['ss', [secret], /1 arguments/],
    ['', [secret], /1 arguments/],
    ['z', [1], /bad signature/],
    ['us', [1, undefined], /argument 2:/],
    ['y', [256], /from 0 to 255/],
    ['n', [-32_769], /argument 1/],
    ['q', [-1], /argument 1/],
    ['i', [2 ** 31], /argument 1/],
    ['u', [1.5], /argument 1/],
    ['u', [NaN], /argument 1/],
    ['u', ['1'], /argument 1/],
    ['u', [1n], /argument 1/],
    ['x', [2n ** 63n], /argument 1/],
    ['t', [-1n], /argument 1/],
    ['t', [2 ** 53], /argument 1/],
    ['b', [1], /not a boolean/],
    ['d', ['1'], /not a number/],
    ['s', ['a\0b'], /cannot hold/],
    ['s', ['\ud800'], /cannot hold/],
    ['s', [`${'x'.repeat(100)}\0`], /cannot hold/],
    ['o', ['no/path'], /not an object path/],
    ['o', ['/a/'], /not an object path/],
    ['o', ['/a\n'], /not an object path/],
    ['g', ['a'], /not a signature/],
    ['ay', [secret], /not bytes/],
    ['ay', [[1, 2]], /not bytes/],
    ['as', [secret], /not an array/],
    ['a{sv}', [{}], /not a Map/],
    ['(ss)', [['a']], /not an array of 2/],
    ['v', [secret], /not a variant/],
    ['v', [{ signature: 'ss', value: secret }], /one type/],
    ['v', [undefined], /not a variant/],
    [
      'sa(sas)',
      [
        '',
        [
          ['a', ['b']],
          ['c', ['d', secret, 7]],
        ],
      ],
      /^D-Bus: argument 2\[1\]\.2\[2\]: not a text$/,
    ],
    ['a{sv}', [new Map([['k', { signature: 'u', value: secret }]])], /argument 1\[0\]\.2\.value: /],
  ];
  for (const [signature, values, place] of cases) {
    assert.throws(
      () => encode(signature, values),
      error => isMisfit(error) && place.test((error as Error).message) && !String(error).includes(secret),
      `${signature} ${String(place)}`,
    );
  }
});

test('variants are nested no deeper, and arrays are no longer, than D-Bus allows', () => {
  const nested = (depth: number) => {
    let value: unknown = { signature: 'y', value: 7 };
    for (let i = 1; i < depth; i++) value = { signature: 'v', value };
    return value;
  };
  assert.doesNotThrow(() => encode('v', [nested(64)]));
  assert.throws(() => encode('v', [nested(65)]), isMisfit);
  assert.doesNotThrow(() => encode('ay', [Buffer.alloc(64 * 1024 * 1024)]));
  assert.throws(() => encode('ay', [Buffer.alloc(64 * 1024 * 1024 + 1)]), isMisfit);
  assert.throws(() => encode('ayay', Array(2).fill(Buffer.alloc(64 * 1024 * 1024))), isMisfit);
});

test('a call with a name that is none, or more than a bus relays, is refused before it is sent', () => {
  const call = { destination: 'org.example.A', path: '/', interface: 'org.example.A', member: 'M' };
  assert.doesNotThrow(() => encodeMessage(METHOD_CALL, { ...call, destination: ':1.7' }, 1));
  const bad = {
    destination: ['', 'a', 'a..b', '1.a', ':', `${'a.'.repeat(128)}a`],
    path: ['', 'a', '/a/', '//'],
    interface: ['', 'a', 'a.1', 'a-b.c'],
    member: ['', 'a.b', '1', 'a-b'],
  };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values)
      assert.throws(
        () => encodeMessage(METHOD_CALL, { ...call, [field]: value }, 1),
        isMisfit,
        `${field} ${value}`,
      );
  }
  const long = { ...call, signature: 'ay', body: [Buffer.alloc(32 * 1024 * 1024 - 8)] };
  assert.throws(
    () => encodeMessage(METHOD_CALL, long, 1),
    error => error instanceof MandosError && error.code === 'DBUS_TOO_LONG',
  );
});

/** As busctl prints JSON. */
function asJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return Array.from(value);
  if (value instanceof Map)
    return Object.fromEntries(Array.from(value, ([key, one]) => [String(key), asJson(one)]));
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value === 'object' && value !== null) {
    const { signature, value: inner } = value as { signature: string; value: unknown };
    return { type: signature, data: asJson(inner) };
  }
  return value;
}

test('what is encoded is what busctl reads', requires('dbus', 'busctl'), async t => {
  const privateBus = await startPrivateBus(t);
  const bus = await privateBus.connect();
  await bus.requestName('org.example.Values');
  const values: [string, unknown][] = [
    ['y', 255],
    ['b', true],
    ['n', -2],
    ['q', 65_535],
    ['i', -3],
    ['u', 4_294_967_295],
    ['x', -5],
    ['t', 6],
    ['d', -0.5],
    ['s', 'ö€😀'],
    ['o', '/a/b'],
    ['g', 'a{sv}'],
    ['v', { signature: '(su)', value: ['in', 7] }],
    ['as', ['', 'one']],
    [
      'a(yx)',
      [
        [1, -2],
        [3, 4],
      ],
    ],
    [
      'a{sv}',
      new Map([
        ['key', { signature: 'as', value: ['value'] }],
        ['other', { signature: 'v', value: { signature: 't', value: 9 } }],
      ]),
    ],
    ['ay', Buffer.from([1, 2, 3])],
    ['((y)t)', [[1], 2]],
    ['aay', [Buffer.from([9]), Buffer.alloc(0)]],
    ['at', []],
    ['aaai', [[[1], []], []]],
    ['s', 'x'.repeat(1000)],
  ];
  let shift = 0;
  bus.serve(() => ({
    signature: 'y'.repeat(shift) + values.map(([type]) => type).join(''),
    body: [...Array<number>(shift).fill(1), ...values.map(([, value]) => value)],
  }));
  for (; shift < 8; shift++) {
    const { stdout } = await execute('busctl', [
      `--address=${privateBus.address}`,
      '--json=short',
      'call',
      'org.example.Values',
      '/',
      'org.example.Values',
      'Get',
    ]);
    const { data } = JSON.parse(stdout) as { data: unknown[] };
    assert.deepEqual(
      data.slice(shift),
      values.map(([, value]) => asJson(value)),
    );
  }
});
