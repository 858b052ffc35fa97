import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Bus, Signal } from '../../../common/dbus/bus.js';
import { connectBus, isDbusError } from '../../../common/dbus/bus.js';
import type { Variant } from '../../../common/dbus/decode.js';
import { DbusFault } from '../../../common/dbus/errors.js';
import type { DbusInterface } from '../../../common/dbus/interface-table.js';
import { servedObject } from '../../../common/dbus/interface-table.js';
import { fitArguments } from '../../../common/dbus/fit-value.js';
import { serveObjects } from '../../../common/dbus/objects.js';
import { requires } from '../../support/requires.js';
import type { Thing } from './clients-like.js';
import { makeThing, OLD_THING, pathOf, THING, thingTree } from './clients-like.js';
import type { RawField } from './false-bus.js';
import { rawMessage, startFalseBus } from './false-bus.js';
import { startPrivateBus } from './private-bus.js';
import { queue } from './queue.js';

const execute = promisify(execFile);
const needs = requires('dbus');
const NAME = 'org.example.Things';
const PROPERTIES = 'org.freedesktop.DBus.Properties';
const MANAGER = 'org.freedesktop.DBus.ObjectManager';
const INTROSPECTABLE = 'org.freedesktop.DBus.Introspectable';

const ROOT: DbusInterface<Map<string, Thing>> = {
  name: NAME,
  methods: {
    Remove: {
      in: { Path: 'o' },
      call: (things, [path]) => {
        if (!things.delete(path as string)) throw new DbusFault('UnknownObject', 'no such thing');
        return [];
      },
    },
    Number: { in: { Small: 'y', Large: 't' }, out: { Small: 'y', Large: 't' }, call: (_, args) => args },
  },
  signals: { Added: { args: { Path: 'o' } } },
};

async function serve(t: TestContext, count: number) {
  const privateBus = await startPrivateBus(t);
  const faults: string[] = [];
  const server = await privateBus.connect({ onFault: reason => faults.push(reason) });
  const caller = await privateBus.connect({ messageLimitBytes: 32 * 1024 * 1024 });
  const names = Array.from({ length: count }, (_, index) => `thing${index}`);
  const things = new Map(names.map(name => [pathOf(name), makeThing(name)]));
  const root = servedObject([ROOT], things);
  const objects = serveObjects(server, thingTree(things, root));
  assert.equal(await server.requestName(NAME), 'owned');
  const call = async (path: string, name: string, member: string, signature = '', ...body: unknown[]) =>
    await caller.call({ destination: NAME, path, interface: name, member, signature, body });
  return { privateBus, server, caller, things, objects, call, faults };
}

const fails = (dbusName: string) => (error: unknown) => isDbusError(error, dbusName);
const FIRST = pathOf('thing0');

test(
  'properties are read and set, each error has its standard name, and nothing is changed with an error',
  needs,
  async t => {
    const { call, things } = await serve(t, 1);
    const thing = things.get(FIRST) as Thing;
    const get = async (name: string, property: string) =>
      (await call(FIRST, PROPERTIES, 'Get', 'ss', name, property))[0];
    const set = async (name: string, property: string, signature: string, value: unknown) =>
      await call(FIRST, PROPERTIES, 'Set', 'ssv', name, property, { signature, value });
    for (const name of [THING.name, OLD_THING.name, '']) {
      assert.deepEqual(await get(name, 'Timeout'), { signature: 't', value: 300_000n });
      // As mandos-ctl sends it.
      await set(name, 'Timeout', 'i', 60_000);
      assert.equal(thing.timeoutMs, 60_000);
      await set(name, 'Timeout', 't', 300_000n);
      assert.equal(thing.timeoutMs, 300_000);
    }
    await set(THING.name, 'Secret', 'ay', Buffer.from('hunter2'));
    assert.deepEqual(Buffer.from(thing.secret), Buffer.from('hunter2'));
    await set(THING.name, 'Enabled', 'b', false);
    assert.equal(thing.enabled, false);
    const before = structuredClone(thing);
    const refused: [string, Promise<unknown>][] = [
      ['UnknownInterface', get('org.example.No', 'Timeout')],
      ['UnknownInterface', get(PROPERTIES, 'Timeout')],
      ['UnknownProperty', get(THING.name, 'No')],
      ['UnknownProperty', get('', 'constructor')],
      ['UnknownProperty', get(THING.name, '__proto__')],
      ['AccessDenied', get(THING.name, 'Secret')],
      ['PropertyReadOnly', set(THING.name, 'Name', 's', 'other')],
      ['UnknownProperty', set(THING.name, 'No', 's', 'other')],
      ['UnknownInterface', set('org.example.No', 'Timeout', 't', 1n)],
      ['InvalidArgs', set(THING.name, 'Timeout', 's', '1')],
      ['InvalidArgs', set(THING.name, 'Timeout', 'i', -1)],
      ['InvalidArgs', set(THING.name, 'Timeout', 'd', 1)],
      ['InvalidArgs', set(THING.name, 'Enabled', 'i', 1)],
      ['InvalidArgs', set(THING.name, 'Secret', 's', 'x')],
      ['InvalidArgs', call(FIRST, PROPERTIES, 'Get', 's', THING.name)],
      ['UnknownInterface', call(FIRST, PROPERTIES, 'GetAll', 's', 'org.example.No')],
    ];
    // All at once: a later one may fail before an earlier one.
    await Promise.all(
      refused.map(([name, outcome], index) => assert.rejects(outcome, fails(name), `${index} ${name}`)),
    );
    assert.deepEqual(thing, before);
  },
);

test('no reply and no signal holds a property that can only be written', needs, async t => {
  const { call, caller, objects, things } = await serve(t, 1);
  const signals = queue<Signal>();
  await caller.onSignal({ sender: NAME }, signals.put);
  (things.get(FIRST) as Thing).secret = Buffer.from('hunter2');
  objects.changed(FIRST, THING, 'Secret');
  objects.added(FIRST);
  const told = [await signals.take(), await signals.take()].map(({ body }) => body());
  assert.deepEqual(told[0], [THING.name, new Map(), ['Secret']]);
  const replies = [
    await call(FIRST, PROPERTIES, 'GetAll', 's', THING.name),
    await call(FIRST, PROPERTIES, 'GetAll', 's', ''),
    await call('/', MANAGER, 'GetManagedObjects'),
  ];
  const shown = JSON.stringify([...replies, told[1]], (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Map ? [...value] : value,
  );
  assert.match(shown, /KeyID/);
  assert.doesNotMatch(shown, /Secret|hunter2/);
});

test(
  'a call without an interface finds the first one with the method; whole numbers are taken for each other',
  needs,
  async t => {
    const { caller, call } = await serve(t, 1);
    const arguments_ = ['text', 7] as const;
    assert.deepEqual(await call(FIRST, OLD_THING.name, 'Echo', 'si', ...arguments_), ['text', 7n]);
    for (const [small, large, signature] of [
      [200, 5, 'ui'],
      [255n, 2n ** 64n - 1n, 'xt'],
    ] as const)
      assert.deepEqual(await call('/', NAME, 'Number', signature, small, large), [
        Number(small),
        BigInt(large),
      ]);
    const refused: [string, unknown[]][] = [
      ['ut', [256, 1]],
      ['yx', [1, -1n]],
      ['y', [1]],
      ['yty', [1, 1, 1]],
      ['ys', [1, '1']],
      ['yv', [1, { signature: 't', value: 1 }]],
      ['y(t)', [1, [1]]],
    ];
    for (const [signature, body] of refused)
      await assert.rejects(call('/', NAME, 'Number', signature, ...body), fails('InvalidArgs'), signature);
    const without = caller as Bus & { call(call: object): Promise<readonly unknown[]> };
    assert.deepEqual(
      await without.call({ destination: NAME, path: '/', member: 'Number', signature: 'yt', body: [1, 2] }),
      [1, 2n],
    );
    assert.deepEqual(await without.call({ destination: NAME, path: FIRST, member: 'Ping' }), []);
  },
);

test('what there is not has the standard errors', needs, async t => {
  const { call } = await serve(t, 1);
  await assert.rejects(call('/no', NAME, 'Number'), fails('UnknownObject'));
  await assert.rejects(call('/things/thing', PROPERTIES, 'GetAll', 's', ''), fails('UnknownObject'));
  await assert.rejects(call('/', 'org.example.No', 'Number'), fails('UnknownInterface'));
  await assert.rejects(call('/', PROPERTIES, 'GetAll', 's', ''), fails('UnknownInterface'));
  await assert.rejects(call(FIRST, MANAGER, 'GetManagedObjects'), fails('UnknownInterface'));
  for (const member of ['No', 'constructor', 'toString', '__proto__', 'hasOwnProperty'])
    await assert.rejects(call('/', NAME, member), fails('UnknownMethod'), member);
  await assert.rejects(call('/', NAME, 'Remove', 'o', '/no'), fails('UnknownObject'));
});

test('the object manager tells of all objects, with both names of an interface', needs, async t => {
  const { call, things } = await serve(t, 2000);
  const [managed] = await call('/', MANAGER, 'GetManagedObjects');
  const objects = managed as Map<string, Map<string, Map<string, Variant>>>;
  assert.deepEqual([...objects.keys()], [...things.keys()]);
  for (const [path, interfaces] of objects) {
    assert.deepEqual([...interfaces.keys()], [INTROSPECTABLE, PROPERTIES, THING.name, OLD_THING.name]);
    assert.equal(interfaces.get(PROPERTIES)?.size, 0);
    const values = interfaces.get(THING.name);
    assert.equal(values?.size, 21);
    assert.deepEqual(values?.get('ObjectPath'), { signature: 'o', value: path });
    assert.deepEqual(interfaces.get(OLD_THING.name), values);
  }
});

test('an argument that is a number fits beside one that is none', () => {
  const bytes = Buffer.from('x');
  const declared = ['s', 'ay', 't', 'a{sv}', '(s)'];
  const values = ['a', bytes, 7, new Map(), ['b']];
  assert.deepEqual(fitArguments('M', 'sayia{sv}(s)', values, declared), ['a', bytes, 7n, new Map(), ['b']]);
  assert.throws(() => fitArguments('M', 'sasia{sv}(s)', values, declared), DbusFault);
});

const TEXT: DbusInterface<string> = {
  name: 'org.example.Text',
  properties: { Text: { type: 's', get: text => text } },
};
const LENGTH: DbusInterface<string> = {
  name: 'org.example.Length',
  properties: { Length: { type: 'u', emitsChanged: 'invalidates', get: text => text.length } },
};

test('objects of any length and of different interfaces are listed as they are', needs, async t => {
  const { server, caller, call } = await serve(t, 0);
  const texts = Array.from({ length: 3000 }, (_, index) => 'x'.repeat(index % 301));
  const textAt = (path: string) => texts[Number(/^\/texts\/t(\d+)$/.exec(path)?.[1])];
  const objects = serveObjects(server, {
    find: path => {
      const text = textAt(path);
      if (path === '/') return servedObject([], undefined);
      // Every third one is gone when its turn comes.
      return text === undefined || text.length % 3 === 0 ? undefined : servedObject([TEXT, LENGTH], text);
    },
    children: () => ['texts'],
    managed: () => texts.map((_, index) => `/texts/t${index}`),
  });
  const [managed] = await call('/', MANAGER, 'GetManagedObjects');
  const listed = managed as Map<string, Map<string, Map<string, Variant>>>;
  assert.equal(listed.size, texts.filter(text => text.length % 3 !== 0).length);
  for (const [path, interfaces] of listed) {
    const value = textAt(path);
    assert.deepEqual(interfaces.get(TEXT.name), new Map([['Text', { signature: 's', value }]]));
    assert.deepEqual(
      interfaces.get(LENGTH.name),
      new Map([['Length', { signature: 'u', value: value?.length }]]),
    );
  }
  const signals = queue<Signal>();
  await caller.onSignal({ sender: NAME }, signals.put);
  objects.changed('/texts/t1', LENGTH, 'Length');
  assert.deepEqual((await signals.take()).body(), [LENGTH.name, new Map(), ['Length']]);
});

test('a long list waits until the one before has left the process', async t => {
  const falseBus = await startFalseBus(t);
  const bus = await connectBus(falseBus.address);
  t.after(() => bus.close());
  const things = new Map(Array.from({ length: 2000 }, (_, i) => [pathOf(`t${i}`), makeThing(`t${i}`)]));
  const tree = thingTree(things, servedObject([ROOT], things));
  let lists = 0;
  const managed = () => {
    return (function* () {
      lists++;
      yield* things.keys();
      ended();
    })();
  };
  let ended = () => {};
  serveObjects(bus, { ...tree, managed });
  falseBus.pause();
  const first = new Promise<void>(resolve => {
    ended = resolve;
  });
  const fields: readonly RawField[] = [
    [1, 'o', '/'],
    [2, 's', MANAGER],
    [3, 's', 'GetManagedObjects'],
    [7, 's', ':1.9'],
  ];
  falseBus.send(Buffer.concat([rawMessage({ type: 1, fields }), rawMessage({ type: 1, fields })]));
  await first;
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  assert.equal(lists, 1);
  const second = new Promise<void>(resolve => {
    ended = resolve;
  });
  falseBus.resume();
  await second;
  assert.equal(lists, 2);
});

test('objects that come and go while they are listed harm nothing', needs, async t => {
  const { call, things } = await serve(t, 5000);
  let listing = true;
  let turns = 0;
  const shuffle = () => {
    turns++;
    const [first] = things.keys();
    if (first !== undefined) things.delete(first);
    const last = [...things.keys()].at(-1);
    if (last !== undefined) things.delete(last);
    const name = `new${turns}`;
    if (turns < 100) things.set(pathOf(name), makeThing(name));
    if (listing) setImmediate(shuffle);
  };
  shuffle();
  const [first, second] = await Promise.all([
    call('/', MANAGER, 'GetManagedObjects'),
    call('/', MANAGER, 'GetManagedObjects'),
  ]);
  listing = false;
  for (const [managed] of [first, second]) {
    for (const [path, interfaces] of managed as Map<string, Map<string, Map<string, Variant>>>)
      assert.equal(interfaces.get(THING.name)?.get('ObjectPath')?.value, path);
  }
  things.clear();
  assert.deepEqual(await call('/', MANAGER, 'GetManagedObjects'), [new Map()]);
});

test('while objects are listed the event loop turns, and other calls are answered', needs, async t => {
  const { server, call, things } = await serve(t, 200);
  const tree = thingTree(things, servedObject([ROOT], things));
  const seen = { listed: 0 };
  const order: string[] = [];
  serveObjects(server, {
    ...tree,
    find: path => {
      const end = performance.now() + 1;
      if (path !== '/' && ++seen.listed > 0) while (performance.now() < end);
      return tree.find(path);
    },
  });
  const listing = call('/', MANAGER, 'GetManagedObjects').then(() => order.push('listed'));
  while (seen.listed === 0) await new Promise(setImmediate);
  await call('/', 'org.freedesktop.DBus.Peer', 'Ping').then(() => order.push('answered'));
  const { listed } = seen;
  await listing;
  assert.deepEqual(order, ['answered', 'listed']);
  assert.ok(listed < 200, String(listed));
});

test('more objects than a bus relays are an error, and the connection lives on', needs, async t => {
  const { call, things, faults } = await serve(t, 1);
  const [thing] = things.values();
  const [path] = things.keys();
  (thing as { checkedAt: string }).checkedAt = 'x'.repeat(17 * 1024 * 1024);
  await assert.rejects(call('/', MANAGER, 'GetManagedObjects'), fails('LimitsExceeded'));
  things.clear();
  const names = Array.from({ length: 40 }, (_, index) => `long${index}`);
  for (const name of names)
    things.set(pathOf(name), { ...makeThing(name), checkedAt: 'x'.repeat(1024 * 1024) });
  await assert.rejects(call('/', MANAGER, 'GetManagedObjects'), fails('LimitsExceeded'));
  things.clear();
  things.set(path as string, makeThing('thing0'));
  assert.equal(((await call('/', MANAGER, 'GetManagedObjects'))[0] as Map<string, unknown>).size, 1);
  assert.deepEqual(faults, []);
});

test(
  'calls beyond the limit are refused at once, and one program leaves others their half',
  needs,
  async t => {
    const { privateBus, server, caller, things } = await serve(t, 1);
    const waiting: (() => void)[] = [];
    const slow: DbusInterface<undefined> = {
      name: NAME,
      methods: {
        Wait: {
          call: async () => {
            await new Promise<void>(resolve => waiting.push(resolve));
            return [];
          },
        },
      },
    };
    let max = 8;
    const tree = thingTree(things, servedObject([slow], undefined));
    serveObjects(server, tree, () => max);
    const wait = { destination: NAME, path: '/', interface: NAME, member: 'Wait' };
    const isRefused = (error: unknown) => {
      assert.ok(fails('LimitsExceeded')(error));
      return 'refused' as const;
    };
    const ask = (bus: Bus) => bus.call(wait).catch(isRefused);
    const refusedOf = async (calls: Promise<unknown>[], count: number) => {
      let refused = 0;
      await new Promise<void>(resolve => {
        for (const call of calls)
          void call.then(end => end === 'refused' && ++refused === count && resolve());
      });
    };
    const flood = Array.from({ length: 100 }, () => ask(caller));
    await refusedOf(flood, 96);
    const other = await privateBus.connect();
    const ping = { destination: NAME, path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' };
    await other.call(ping);
    const others = Array.from({ length: 5 }, () => ask(other));
    await refusedOf(others, 1);
    const third = await privateBus.connect();
    assert.equal(await ask(third), 'refused', 'eight in all');
    max = 10;
    await third.call(ping);
    for (const resolve of waiting.splice(0)) resolve();
    const ends = await Promise.all([...flood, ...others]);
    assert.equal(ends.filter(end => end !== 'refused').length, 8);
    const again = Array.from({ length: 6 }, () => ask(caller));
    await refusedOf(again, 1);
    for (const resolve of waiting.splice(0)) resolve();
    assert.equal((await Promise.all(again)).filter(end => end !== 'refused').length, 5);
  },
);

test("the properties of one interface of all objects are a method's reply", needs, async t => {
  const { server, caller, things } = await serve(t, 300);
  const all: DbusInterface<undefined> = {
    name: NAME,
    methods: {
      All: {
        out: { All: 'a{oa{sv}}' },
        call: async () => await objects.allProperties(things.keys(), THING.name),
      },
    },
  };
  const objects = serveObjects(server, thingTree(things, servedObject([all], undefined)));
  const [reply] = await caller.call({ destination: NAME, path: '/', interface: NAME, member: 'All' });
  const values = reply as Map<string, Map<string, Variant>>;
  assert.deepEqual([...values.keys()], [...things.keys()]);
  assert.deepEqual(values.get(FIRST)?.get('Name'), { signature: 's', value: 'thing0' });
});

test(
  'a change is told as its property is annotated; objects are told of when they come and go',
  needs,
  async t => {
    const { caller, objects, things } = await serve(t, 1);
    const signals = queue<Signal>();
    await caller.onSignal({ sender: NAME, pathNamespace: '/' }, signals.put);
    const next = async () => {
      const { path, interface: name, member, body } = await signals.take();
      return [path, name, member, ...body()];
    };
    objects.changed(FIRST, THING, 'Name');
    objects.changed(FIRST, THING, 'LastEnabled');
    objects.changed('/things/no', THING, 'Timeout');
    objects.changed(FIRST, THING, 'Timeout');
    assert.deepEqual(await next(), [
      FIRST,
      PROPERTIES,
      'PropertiesChanged',
      THING.name,
      new Map([['Timeout', { signature: 't', value: 300_000n }]]),
      [],
    ]);
    objects.signal(FIRST, OLD_THING, 'Rejected', 'Denied');
    assert.deepEqual(await next(), [FIRST, OLD_THING.name, 'Rejected', 'Denied']);
    assert.throws(() => objects.signal(FIRST, THING, 'No'), TypeError);
    assert.throws(() => objects.changed(FIRST, THING, 'No'), TypeError);
    const thing = things.get(FIRST) as Thing;
    things.delete(FIRST);
    objects.added(FIRST);
    objects.removed(FIRST, servedObject([THING, OLD_THING], thing));
    const names = [INTROSPECTABLE, PROPERTIES, THING.name, OLD_THING.name];
    assert.deepEqual(await next(), ['/', MANAGER, 'InterfacesRemoved', FIRST, names]);
    things.set(FIRST, thing);
    objects.added(FIRST);
    const [path, name, member, object, interfaces] = await next();
    assert.deepEqual([path, name, member, object], ['/', MANAGER, 'InterfacesAdded', FIRST]);
    assert.deepEqual([...(interfaces as Map<string, unknown>).keys()], names);
  },
);

test('busctl finds the tree, and all that an object says of itself', requires('dbus', 'busctl'), async t => {
  const { privateBus, call } = await serve(t, 3);
  const busctl = async (...args: string[]) =>
    (await execute('busctl', [`--address=${privateBus.address}`, '--no-pager', ...args])).stdout;
  const tree = await busctl('tree', '--list', NAME);
  assert.deepEqual(tree.trim().split('\n'), ['/', '/things', ...[0, 1, 2].map(n => pathOf(`thing${n}`))]);
  const rows = (await busctl('introspect', NAME, FIRST)).split('\n').map(line => line.split(/\s+/));
  const row = (name: string) => rows.find(([first]) => first === name)?.slice(1);
  assert.deepEqual(row('.Echo'), ['method', 'st', 'st', '-']);
  assert.deepEqual(row('.Old'), ['method', '-', '-', 'deprecated']);
  assert.deepEqual(row('.Rejected'), ['signal', 's', '-', '-']);
  assert.deepEqual(row('.Timeout'), ['property', 't', '300000', 'emits-change', 'writable']);
  assert.deepEqual(row('.Secret')?.slice(0, 2), ['property', 'ay']);
  assert.deepEqual(row('.Name'), ['property', 's', '"thing0"', 'const']);
  assert.deepEqual(row('.LastEnabled'), ['property', 's', '"2026-11-20T20:11:48.859870"', '-']);
  assert.deepEqual(row(THING.name), ['interface', '-', '-', '-']);
  assert.deepEqual(row(INTROSPECTABLE), ['interface', '-', '-', '-']);
  assert.deepEqual(row('.Ping'), ['method', '-', '-', '-']);
  assert.equal(await busctl('get-property', NAME, FIRST, THING.name, 'Timeout'), 't 300000\n');
  const [xml] = await call(FIRST, INTROSPECTABLE, 'Introspect');
  assert.match(String(xml), /<arg name="Number" type="t" direction="in"\/>/);
  assert.match(
    String(xml),
    /<property name="Secret" type="ay" access="write">\n *<annotation name="org\.freedesktop\.DBus\.Property\.EmitsChangedSignal" value="invalidates"\/>/,
  );
  assert.match(
    String(xml),
    new RegExp(
      `<interface name="${OLD_THING.name}">[^]*<annotation name="org.freedesktop.DBus.Deprecated" value="true"/>\n  </interface>`,
    ),
  );
  const [root] = await call('/', INTROSPECTABLE, 'Introspect');
  assert.match(String(root), /GetManagedObjects[^]*<node name="things"\/>/);
  assert.doesNotMatch(String(root), /freedesktop\.DBus\.Properties/);
  const [id] = await call('/things', 'org.freedesktop.DBus.Peer', 'GetMachineId');
  assert.match(String(id), /^[0-9a-f]{32}$/);
});
