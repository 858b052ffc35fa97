import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Bus, IncomingCall, Signal } from '../../../common/dbus/bus.js';
import { DbusFault, isDbusError } from '../../../common/dbus/bus.js';
import { MandosError } from '../../../common/errors.js';
import { requires } from '../../support/requires.js';
import { goodReply, rawMessage, startFalseBus, text } from './false-bus.js';
import type { RawField } from './false-bus.js';
import { connectBus } from '../../../common/dbus/bus.js';
import { startPrivateBus } from './private-bus.js';
import { queue } from './queue.js';

const needs = requires('dbus');
const NAME = 'org.example.Server';
const CALL = { destination: NAME, path: '/a', interface: NAME, member: 'Do' };

/** A program that serves NAME, and one that calls it. */
async function pair(t: TestContext) {
  const privateBus = await startPrivateBus(t);
  const faults: string[] = [];
  const server = await privateBus.connect({ onFault: reason => faults.push(reason) });
  const caller = await privateBus.connect();
  assert.equal(await server.requestName(NAME), 'owned');
  return { privateBus, server, caller, faults };
}

const fails = (dbusName: string) => (error: unknown) => isDbusError(error, dbusName);

test(
  'a name is owned, is taken for others, and is not given against the policy of the bus',
  needs,
  async t => {
    const { server, caller } = await pair(t);
    assert.equal(await server.requestName(NAME), 'owned');
    assert.equal(await caller.requestName(NAME), 'taken');
    await assert.rejects(server.requestName('org.example.Forbidden'), fails('AccessDenied'));
    server.close();
    const owners = queue<string | undefined>();
    await caller.onOwner(NAME, owners.put);
    while ((await owners.take()) !== undefined);
    assert.equal(await caller.requestName(NAME), 'owned');
  },
);

test('a call reaches the handler as it was made, and gets its reply', needs, async t => {
  const { server, caller } = await pair(t);
  const calls: IncomingCall[] = [];
  server.serve(async call => {
    calls.push(call);
    return { signature: 'st', body: ['done', 2n ** 40n] };
  });
  assert.deepEqual(
    await caller.call({ ...CALL, signature: 'sv', body: ['x', { signature: 'i', value: 1 }] }),
    ['done', 2n ** 40n],
  );
  const [call] = calls;
  assert.deepEqual(call?.body(), ['x', { signature: 'i', value: 1 }]);
  assert.match(call?.sender ?? '', /^:1\.\d+$/);
  assert.ok(call);
  const { path, interface: name, member, signature, noReply } = call;
  assert.deepEqual([path, name, member, signature, noReply], ['/a', NAME, 'Do', 'sv', false]);
  assert.equal(await call?.uid(), process.getuid?.());
});

test('what a handler throws on purpose is the reply; anything else stays in the process', needs, async t => {
  const { server, caller, faults } = await pair(t);
  const thrown: unknown[] = [
    new DbusFault('AccessDenied', 'not you'),
    new DbusFault('org.example.Error.Own', 'of its own'),
    new Error('hunter2 in /etc/internals'),
    new MandosError('STORE', 'hunter2'),
  ];
  server.serve(() => {
    throw thrown.shift();
  });
  await assert.rejects(
    caller.call(CALL),
    error => fails('AccessDenied')(error) && /not you/.test(String(error)),
  );
  await assert.rejects(caller.call(CALL), fails('org.example.Error.Own'));
  assert.deepEqual(faults, []);
  for (let i = 0; i < 2; i++)
    await assert.rejects(
      caller.call(CALL),
      error => fails('Failed')(error) && !String(error).includes('hunter2'),
    );
  assert.equal(faults.length, 2);
  assert.match(faults[0] ?? '', /hunter2 in/);
});

test('a reply that does not fit its signature, or the bus, is an error to the caller', needs, async t => {
  const { server, caller, faults } = await pair(t);
  server.serve(() => ({ signature: 's', body: [7] }));
  await assert.rejects(caller.call(CALL), fails('Failed'));
  assert.equal(faults.length, 1);
  server.serve(() => ({ signature: 'ay', body: [Buffer.alloc(32 * 1024 * 1024)] }));
  await assert.rejects(caller.call(CALL), fails('LimitsExceeded'));
  assert.ok(!server.gone.aborted);
});

/** Calls as a program would that makes its messages by hand. */
function rawCall(serial: number, flags: number, sender: string): Buffer {
  const fields: RawField[] = [
    [1, 'o', '/a'],
    [3, 's', 'Do'],
    [7, 's', sender],
  ];
  const message = rawMessage({ type: 1, fields, signature: 's', body: text('x') });
  message[2] = flags;
  message.writeUInt32LE(serial, 8);
  return message;
}

/** A served connection to a false bus, and the types and serials of what it replies. */
async function servedOnFalse(t: TestContext, serve: (bus: Bus) => void) {
  const falseBus = await startFalseBus(t);
  const bus = await connectBus(falseBus.address);
  t.after(() => bus.close());
  const replies = queue<{ type: number; message: string }>();
  falseBus.answer = serial => goodReply(serial);
  falseBus.hear = message => {
    if (message[1] !== 1) replies.put({ type: message[1] ?? 0, message: message.toString('latin1') });
  };
  serve(bus);
  return { falseBus, bus, replies };
}

test('who wants no reply gets none, whatever becomes of the call', async t => {
  const outcomes = [() => ({}), () => ({ signature: 's', body: [7] })];
  const { falseBus, replies } = await servedOnFalse(t, bus => {
    // Asynchronous, so that replies come in the order of the calls.
    bus.serve(async () => {
      const outcome = outcomes.shift();
      if (!outcome) throw new DbusFault('InvalidArgs', 'no more');
      return outcome();
    });
  });
  for (const flags of [1, 1, 1]) falseBus.send(rawCall(1, flags, ':1.7'));
  falseBus.send(rawCall(77, 0, ':1.7'));
  const { type, message } = await replies.take();
  assert.equal(type, 3);
  // Field 5, what it replies to: to the fourth call.
  assert.ok(message.includes('\x05\x01u\0\x4d\0\0\0'));
});

test('so many calls are under way for one program, and in all; more are refused until some are done', async t => {
  const waiting: (() => void)[] = [];
  const { falseBus, replies, bus } = await servedOnFalse(t, one => {
    one.serve(async () => {
      await new Promise<void>(resolve => waiting.push(resolve));
      return {};
    });
  });
  for (let serial = 1; serial <= 129; serial++) falseBus.send(rawCall(serial, 0, ':1.1'));
  const refused = await replies.take();
  assert.equal(refused.type, 3);
  assert.match(refused.message, /org\.freedesktop\.DBus\.Error\.LimitsExceeded/);
  // Others are still served, until there are too many of all.
  for (let sender = 2; sender <= 8; sender++)
    for (let serial = 1; serial <= 128; serial++) falseBus.send(rawCall(serial, 1, `:1.${sender}`));
  falseBus.send(rawCall(1, 0, ':1.9'));
  assert.match((await replies.take()).message, /LimitsExceeded/);
  assert.equal(waiting.length, 1024);
  for (const resolve of waiting.splice(0)) resolve();
  for (let i = 0; i < 128; i++) assert.equal((await replies.take()).type, 2);
  falseBus.send(rawCall(1, 0, ':1.1'));
  await bus.call({ ...CALL, destination: ':1.1' });
  waiting[0]?.();
  assert.equal((await replies.take()).type, 2);
});

test('a call whose arguments cannot be read is refused when they are wanted', async t => {
  const { falseBus, replies } = await servedOnFalse(t, bus => {
    bus.serve(call => ({ signature: 's', body: [String(call.body()[0])] }));
  });
  const message = rawCall(1, 0, ':1.1');
  message[message.length - 2] = 0xff;
  falseBus.send(message);
  assert.match((await replies.take()).message, /InvalidArgs/);
});

test(
  'one rule hears all signals of a well-known name beneath a path, through changes of its owner',
  needs,
  async t => {
    const { privateBus, server, caller } = await pair(t);
    const heard = queue<Signal>();
    const everywhere = queue<Signal>();
    await caller.onSignal({ sender: NAME, pathNamespace: '/things' }, heard.put);
    const end = await caller.onSignal({ sender: NAME, pathNamespace: '/' }, everywhere.put);
    const stranger = await privateBus.connect();
    const emit = (bus: Bus, path: string, member: string) =>
      bus.emit({ path, interface: 'org.example.Any', member, signature: 's', body: [path] });
    emit(stranger, '/things/a', 'OfAStranger');
    emit(server, '/thingsnot', 'Elsewhere');
    emit(server, '/things', 'Itself');
    emit(server, '/things/a/b', 'Beneath');
    const { path, interface: name, member, body } = await heard.take();
    assert.deepEqual([path, name, member, body()], ['/things', 'org.example.Any', 'Itself', ['/things']]);
    assert.equal((await heard.take()).member, 'Beneath');
    for (const expected of ['Elsewhere', 'Itself', 'Beneath'])
      assert.equal((await everywhere.take()).member, expected);
    server.close();
    while ((await stranger.requestName(NAME)) === 'taken');
    emit(stranger, '/things/c', 'OfTheNewOwner');
    assert.equal((await heard.take()).member, 'OfTheNewOwner');
    assert.equal((await everywhere.take()).member, 'OfTheNewOwner');
    end();
    emit(stranger, '/things/d', 'After');
    assert.equal((await heard.take()).member, 'After');
    assert.equal(everywhere.length, 0);
  },
);

test(
  'a signal that cannot be encoded is a fault of who emits it; without a bus it goes nowhere',
  needs,
  async t => {
    const { server } = await pair(t);
    const signal = { path: '/', interface: NAME, member: 'Said', signature: 's' };
    assert.throws(() => server.emit({ ...signal, body: [7] }), MandosError);
    assert.throws(() => server.emit({ ...signal, member: 'not a name', body: ['x'] }), MandosError);
    server.close();
    server.emit({ ...signal, body: ['x'] });
    await server.flushed();
  },
);

test('what was sent before a clean close arrives', needs, async t => {
  const { server, caller } = await pair(t);
  const count = 20_000;
  let heard = 0;
  let all = () => {};
  const heardAll = new Promise<void>(resolve => {
    all = resolve;
  });
  await caller.onSignal({ sender: NAME }, () => {
    if (++heard === count) all();
  });
  const body = ['x'.repeat(100)];
  for (let i = 0; i < count; i++)
    server.emit({ path: '/', interface: NAME, member: 'Said', signature: 's', body });
  await server.flushed();
  server.close();
  await heardAll;
  assert.ok(server.gone.aborted);
});

test('a bus that does not read ends the connection before memory does', async t => {
  const { falseBus, bus } = await servedOnFalse(t, () => {});
  falseBus.pause();
  const gone = new Promise(resolve => {
    bus.gone.addEventListener('abort', resolve);
  });
  const body = [Buffer.alloc(1024 * 1024)];
  let sent = 0;
  for (; sent < 100 && !bus.gone.aborted; sent++)
    bus.emit({ path: '/', interface: NAME, member: 'Said', signature: 'ay', body });
  await gone;
  assert.ok(sent >= 64 && sent < 100, String(sent));
  assert.match(String(bus.gone.reason), /does not read/);
});
