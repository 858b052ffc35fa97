import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Bus, BusOptions, Signal } from '../../../common/dbus/bus.js';
import { connectBus } from '../../../common/dbus/bus.js';
import { keepConnected } from '../../../common/dbus/keep-connected.js';
import { MandosError } from '../../../common/errors.js';
import { createLan } from '../../support/namespace.js';
import { startBus } from '../../support/peers.js';
import { seededRandom } from '../../support/random.js';
import { requires } from '../../support/requires.js';
import type { RawField, RawMessage } from './false-bus.js';
import { goodReply, rawMessage, startFalseBus, text, uint32 } from './false-bus.js';

const CALL = { destination: 'org.example.Peer', path: '/', interface: 'org.example.Peer', member: 'Say' };
const MATCH = { sender: ':1.7', interface: 'org.example.Peer', member: 'Said' };
const HEARD: readonly RawField[] = [
  [1, 'o', '/x'],
  [2, 's', MATCH.interface],
  [3, 's', MATCH.member],
  [7, 's', MATCH.sender],
];

const hasCode = (code: string) => (error: unknown) => error instanceof MandosError && error.code === code;

interface Heard {
  readonly path: string;
  readonly body: readonly unknown[];
}

/** A connection to a false bus that hears MATCH. */
async function connectToFalse(t: TestContext, options: BusOptions = {}) {
  const falseBus = await startFalseBus(t);
  const faults: string[] = [];
  const bus = await connectBus(falseBus.address, { onFault: reason => faults.push(reason), ...options });
  t.after(() => bus.close());
  const signals: Heard[] = [];
  await bus.onSignal(MATCH, ({ path, body }) => signals.push({ path, body: body() }));
  return { falseBus, bus, faults, signals };
}

/** What comes after is understood: the connection is the same and in step. */
async function stillWorks(bus: Bus, title: string): Promise<void> {
  assert.deepEqual(await bus.call(CALL), ['well'], title);
}

test('a malformed or odd message is dropped, told of, and what follows is understood', async t => {
  const { falseBus, bus, faults, signals } = await connectToFalse(t);
  const signal = (raw: RawMessage) => rawMessage({ fields: HEARD, ...raw });
  const long = uint32(0x7fffffff);
  const dropped: Record<string, Buffer> = {
    'an unknown type': signal({ signature: '!', body: text('x') }),
    'a structure of nothing': signal({ signature: 'a()', body: Buffer.concat([long, Buffer.alloc(4)]) }),
    'a huge array': signal({ signature: 'a(y)', body: Buffer.concat([long, Buffer.alloc(4)]) }),
    'a body that is cut off': signal({ signature: 'su', body: text('x') }),
    'a body without a signature': signal({ body: text('x') }),
    'a signature without a body': signal({ signature: 's' }),
    'text that is not UTF-8': signal({
      signature: 's',
      body: Buffer.concat([uint32(1), Buffer.from([0xff, 0])]),
    }),
    'deep variants': signal({
      signature: 'v',
      body: Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([1, 0x76, 0]))),
    }),
    'a signature field that is a number': rawMessage({ fields: [...HEARD, [8, 'u', 1]] }),
    'a path that is bytes': rawMessage({ fields: [[1, 'ay', Buffer.alloc(4)]] }),
    'a reply to text': rawMessage({ type: 2, fields: [[5, 's', 'x']] }),
    'a field of an unknown type': rawMessage({ fields: [[1, 'z', 1]] }),
    'fields of random bytes': rawMessage({ fields: [[1, 'o', Buffer.from([9, 9, 9, 9, 9, 9, 9])]] }),
    'a body that is too long': signal({ signature: 'ay', body: Buffer.alloc(1024 * 1024 + 1) }),
    'fields that are too long': signal({ fields: [[1, 'o', `/${'x'.repeat(1024 * 1024)}`]] }),
  };
  for (const [title, message] of Object.entries(dropped)) {
    falseBus.send(message);
    await stillWorks(bus, title);
    assert.equal(faults.splice(0).length, 1, title);
  }
  const ignored: Record<string, Buffer> = {
    'no fields at all': rawMessage({}),
    'a reply to nothing': rawMessage({ type: 2 }),
    'an error of no name and to nothing': rawMessage({ type: 3 }),
    'a reply to a call that nobody made': goodReply(4_000_000_000),
    'a message of no known type': signal({ type: 77 }),
    'an unknown field': rawMessage({ fields: [[200, 'u', 7]] }),
    'a call': signal({ type: 1, signature: 's', body: text('x') }),
    'a signal that nobody waits for, malformed': rawMessage({ signature: '!!', body: text('x') }),
  };
  for (const [title, message] of Object.entries(ignored)) {
    falseBus.send(message);
    await stillWorks(bus, title);
  }
  assert.deepEqual([faults, signals], [[], []]);
  // The same are heard when they are well-formed, in either byte order and with a descriptor that does not come.
  falseBus.send(signal({ signature: 'sh', body: Buffer.concat([text('abc'), uint32(5)]) }));
  falseBus.send(signal({ byteOrder: 'B', signature: 's', body: text('x', 'B') }));
  await stillWorks(bus, 'well-formed');
  assert.deepEqual(signals, [
    { path: '/x', body: ['abc', 5] },
    { path: '/x', body: ['x'] },
  ]);
  assert.ok(!bus.gone.aborted);
});

test('random damage to messages harms none but them', async t => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = seededRandom(seed);
  const { falseBus, bus, faults, signals } = await connectToFalse(t);
  const byte = () => Math.floor(random() < 0.7 ? random() * 4 : random() * 256);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, byte));
  const letters = 'ybnqiuxtdhsogvaa(){}m*?';
  for (let i = 0; i < 3000; i++) {
    const body = bytes(random() * 100);
    const signature =
      random() < 0.5
        ? 'y'.repeat(body.length)
        : Array.from({ length: random() * 10 }, () => letters.charAt(random() * letters.length)).join('');
    const type = random() < 0.8 ? 4 : byte();
    const message = rawMessage({ type, fields: HEARD, signature, body });
    // The lengths, the byte order and the version are what any bus checks; all else may be anything.
    const start = random() < 0.5 ? 16 : message.length;
    for (let at = start; at < message.length; at++) if (random() < 0.05) message[at] = byte();
    falseBus.send(message);
    if (i % 10 === 0) await stillWorks(bus, `seed ${seed}, message ${i}`);
  }
  await stillWorks(bus, `seed ${seed}`);
  assert.ok(!bus.gone.aborted);
  assert.ok(faults.length > 500 && signals.length > 100, `${faults.length}, ${signals.length}`);
});

test('a reply that cannot be read fails its call at once, and no other', async t => {
  const { falseBus, bus } = await connectToFalse(t);
  const unreadable: Record<string, (reply: RawMessage) => RawMessage> = {
    malformed: reply => ({ ...reply, signature: 's', body: uint32(99) }),
    'a malformed error': reply => ({ ...reply, type: 3, signature: 'u', body: Buffer.alloc(1) }),
    'too long': reply => ({ ...reply, signature: 'ay', body: Buffer.alloc(1024 * 1024 + 1) }),
  };
  for (const [title, spoil] of Object.entries(unreadable)) {
    falseBus.answer = serial => rawMessage(spoil({ type: 2, fields: [[5, 'u', serial]] }));
    await assert.rejects(bus.call(CALL), hasCode('DBUS_REPLY'), title);
    falseBus.answer = goodReply;
    await stillWorks(bus, title);
  }
});

test('who expects long messages can have them', async t => {
  const length = 8 * 1024 * 1024;
  const { falseBus, bus } = await connectToFalse(t, { messageLimitBytes: length + 4 });
  const body = Buffer.concat([uint32(length), Buffer.alloc(length, 7)]);
  falseBus.answer = serial => rawMessage({ type: 2, fields: [[5, 'u', serial]], signature: 'ay', body });
  assert.deepEqual(await bus.call(CALL), [body.subarray(4)]);
});

test('what a listener throws reaches neither the process nor other listeners', async t => {
  const { falseBus, bus, faults, signals } = await connectToFalse(t);
  await bus.onSignal(MATCH, () => {
    throw new Error('of a listener');
  });
  const later: Signal[] = [];
  await bus.onSignal(MATCH, signal => later.push(signal));
  falseBus.send(rawMessage({ fields: HEARD }));
  await stillWorks(bus, 'after it threw');
  assert.deepEqual([signals.length, later.length], [1, 1]);
  assert.match(faults.join(), /^[^,]*of a listener$/);
});

test('a bus that does not speak D-Bus is left, and calls under way fail', async t => {
  const claims: Record<string, RawMessage['claim']> = {
    'a byte order that is none': { byteOrder: 0 },
    'another version': { version: 2 },
    'a body longer than D-Bus allows': { bodyLength: 0xffffffff },
    'fields longer than D-Bus allows': { fieldsLength: 0xfffffff8 },
  };
  for (const [title, claim] of Object.entries(claims)) {
    const { falseBus, bus } = await connectToFalse(t);
    falseBus.answer = () => rawMessage({ claim: claim ?? {} });
    await assert.rejects(bus.call(CALL), hasCode('DBUS_GONE'), title);
    assert.ok(bus.gone.aborted, title);
  }
});

test('a bus that ends within a message is gone', async t => {
  const { falseBus, bus } = await connectToFalse(t);
  falseBus.answer = serial => {
    setImmediate(() => falseBus.hangUp());
    return goodReply(serial).subarray(0, -1);
  };
  await assert.rejects(bus.call(CALL), hasCode('DBUS_GONE'));
});

test('a bus that refuses, or answers with what is no authentication, is an error', async t => {
  for (const welcome of ['REJECTED EXTERNAL\r\n', 'ERROR\r\n', '\r\n', 'O'.repeat(10_000)]) {
    const { address } = await startFalseBus(t, welcome);
    await assert.rejects(connectBus(address), hasCode('DBUS_GONE'), welcome);
  }
});

test('a kept connection that breaks right after it was made is made again', async t => {
  const falseBus = await startFalseBus(t);
  // In one go with the reply to Hello.
  falseBus.answer = serial => Buffer.concat([goodReply(serial), rawMessage({ claim: { version: 9 } })]);
  const words: string[] = [];
  await new Promise<void>(resolve => {
    const kept = keepConnected(
      () => {
        words.push('connected');
        kept.close();
        resolve();
      },
      () => {
        words.push('broken');
        falseBus.answer = goodReply;
      },
      falseBus.address,
    );
    t.after(() => kept.close());
  });
  assert.deepEqual(words, ['broken', 'connected']);
});

test('a user of a connection that throws does not end its being kept', async t => {
  const falseBus = await startFalseBus(t);
  const used: Bus[] = [];
  const reasons: unknown[] = [];
  await new Promise<void>(resolve => {
    const kept = keepConnected(
      bus => {
        used.push(bus);
        if (used.length === 1) throw new Error('of a user');
        resolve();
      },
      reason => reasons.push(reason),
      falseBus.address,
    );
    t.after(() => kept.close());
  });
  assert.ok(used[0]?.gone.aborted);
  assert.match(String(reasons.at(-1)), /of a user/);
});

test('who is told that there is no bus and throws does not end the process, nor the tries', async t => {
  const falseBus = await startFalseBus(t, 'REJECTED EXTERNAL\r\n');
  let told = 0;
  await new Promise<void>(resolve => {
    const faults: string[] = [];
    const kept = keepConnected(
      () => assert.fail('connected'),
      () => {
        told++;
        throw new Error('of a listener');
      },
      falseBus.address,
      {
        onFault: reason => {
          faults.push(reason);
          assert.match(reason, /of a listener/);
          if (faults.length === 2) resolve();
        },
      },
    );
    t.after(() => kept.close());
  });
  assert.equal(told, 2);
});

/** Sends each message over a connection of its own, and waits until the bus has dealt with it. */
const STRANGER = `
const net = require('node:net');
const [path, hello, ping] = process.argv.slice(1);
const send = message => new Promise(done => {
  const socket = net.connect(path);
  let heard = '';
  socket.on('data', data => {
    heard += data.toString('latin1');
    if (heard.includes('org.example.NoSuch')) { socket.destroy(); done('relayed'); }
  });
  socket.on('error', () => {});
  socket.on('close', () => done('refused'));
  const user = Buffer.from(String(process.getuid())).toString('hex');
  socket.write('\\0AUTH EXTERNAL ' + user + '\\r\\nBEGIN\\r\\n');
  for (const hex of [hello, message, ping]) socket.write(Buffer.from(hex, 'hex'));
});
(async () => {
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  for (const message of JSON.parse(input)) console.log(await send(message));
})();`;

test(
  'any user may send anything over a real bus: connection and process live',
  requires('root', 'ip', 'dbus'),
  async t => {
    const lan = await createLan(t);
    const host = await lan.host('host');
    const { address } = await startBus(host);
    const faults: string[] = [];
    const bus = await connectBus(address, { onFault: reason => faults.push(reason) });
    t.after(() => bus.close());
    const heard: Heard[] = [];
    // The second connection to this bus is the stranger's first.
    await bus.onSignal({ ...MATCH, sender: ':1.1' }, ({ path, body }) => heard.push({ path, body: body() }));
    const daemon = (member: string, signature?: string) =>
      rawMessage({
        type: 1,
        fields: [
          [1, 'o', '/org/freedesktop/DBus'],
          [2, 's', 'org.freedesktop.DBus'],
          [3, 's', member],
          [6, 's', 'org.freedesktop.DBus'],
        ],
        ...(signature === undefined ? {} : { signature, body: text('org.example.NoSuch') }),
      });
    const toUs = (raw: RawMessage) =>
      rawMessage({ fields: [...HEARD.slice(0, 3), [6, 's', ':1.0']], ...raw });
    const nested = Array.from({ length: 60 }, () => Buffer.from([1, 0x76, 0]));
    const messages = [
      toUs({ signature: 'h', body: uint32(0) }),
      toUs({ signature: 'v', body: Buffer.concat([...nested, Buffer.from([1, 0x79, 0, 7])]) }),
      toUs({
        signature: 'ay',
        body: Buffer.concat([uint32(4 * 1024 * 1024), Buffer.alloc(4 * 1024 * 1024)]),
      }),
      toUs({ type: 77 }),
      toUs({ type: 2, fields: [[5, 'u', 1], [6, 's', ':1.0']] }), // prettier-ignore
      toUs({ signature: 'a()', body: uint32(0x7fffffff) }),
      toUs({ signature: 's', body: Buffer.concat([uint32(1), Buffer.from([0xff, 0])]) }),
      rawMessage({ claim: { version: 9 } }),
    ];
    const stranger = await host.run(
      'setpriv',
      [
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        '-e',
        STRANGER,
        address.replace('unix:path=', ''),
        daemon('Hello').toString('hex'),
        daemon('GetNameOwner', 's').toString('hex'),
      ],
      { input: JSON.stringify(messages.map(message => message.toString('hex'))) },
    );
    const outcomes = stranger.stdout.trim().split('\n');
    assert.deepEqual(outcomes.length, messages.length, stranger.stderr);
    assert.equal(outcomes[0], 'relayed');
    const owner = { destination: 'org.freedesktop.DBus', path: '/', interface: 'org.freedesktop.DBus' };
    assert.equal((await bus.call({ ...owner, member: 'GetId' })).length, 1);
    assert.ok(!bus.gone.aborted);
    assert.deepEqual(heard, [{ path: '/x', body: [0] }]);
    assert.equal(faults.length, 0, faults.join());
    t.diagnostic(outcomes.join(' '));
  },
);
