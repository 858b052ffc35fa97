import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Bus } from '../../../common/dbus/bus.js';
import { connectBus, DbusError } from '../../../common/dbus/bus.js';
import { keepConnected } from '../../../common/dbus/keep-connected.js';
import { MandosError } from '../../../common/errors.js';
import { createLan } from '../../support/namespace.js';
import { startAvahi, startBus } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import { queue } from './queue.js';

const needs = requires('root', 'ip', 'dbus');
const DAEMON = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
};
const AVAHI = 'org.freedesktop.Avahi';

async function busHost(t: TestContext) {
  const lan = await createLan(t);
  const host = await lan.host('host');
  return { host, ...(await startBus(host)) };
}

async function connect(t: TestContext, address: string): Promise<Bus> {
  const bus = await connectBus(address);
  t.after(() => bus.close());
  return bus;
}

const hasCode = (code: string) => (error: unknown) => error instanceof MandosError && error.code === code;

test('a call returns the arguments of the reply', needs, async t => {
  const bus = await connect(t, (await busHost(t)).address);
  const call = { ...DAEMON, member: 'NameHasOwner', signature: 's', body: ['org.freedesktop.DBus'] };
  assert.deepEqual(await bus.call(call), [true]);
  // Nothing of what is passed is changed.
  assert.deepEqual(await bus.call(call), [true]);
});

test('an error reply is an error with its D-Bus name', needs, async t => {
  const bus = await connect(t, (await busHost(t)).address);
  await assert.rejects(
    bus.call({ ...DAEMON, member: 'NoSuchMethod' }),
    error =>
      error instanceof DbusError &&
      error.code === 'DBUS_ERROR' &&
      error.dbusName === 'org.freedesktop.DBus.Error.UnknownMethod',
  );
});

test('arguments that do not fit the signature are refused, and the connection lives on', needs, async t => {
  const bus = await connect(t, (await busHost(t)).address);
  await assert.rejects(bus.call({ ...DAEMON, member: 'NameHasOwner', signature: 's', body: [] }));
  await assert.rejects(bus.call({ ...DAEMON, member: 'NameHasOwner', signature: 'as', body: [7] }));
  assert.equal((await bus.call({ ...DAEMON, member: 'GetId' })).length, 1);
});

test('a program that does not answer is given up on', requires('root', 'ip', 'dbus', 'avahi'), async t => {
  const { host, address } = await busHost(t);
  const avahi = await startAvahi(host);
  const bus = await connect(t, address);
  avahi.signal('SIGSTOP');
  const call = { destination: AVAHI, path: '/', interface: `${AVAHI}.Server`, member: 'GetState' };
  await assert.rejects(bus.call(call, 10), hasCode('DBUS_TIMEOUT'));
  avahi.signal('SIGCONT');
  // The late reply is not taken for that of another call.
  assert.deepEqual(await bus.call(call), [2]);
});

test('the owner of a name is told at the start and at each change', needs, async t => {
  const { address } = await busHost(t);
  const [bus, other] = [await connect(t, address), await connect(t, address)];
  const owners = queue<string | undefined>();
  const end = await bus.onOwner(AVAHI, owners.put);
  assert.equal(await owners.take(), undefined);
  await other.call({ ...DAEMON, member: 'RequestName', signature: 'su', body: [AVAHI, 4] });
  const owner = await owners.take();
  assert.match(owner ?? '', /^:\d/);
  const later = queue<string | undefined>();
  await bus.onOwner(AVAHI, later.put);
  assert.equal(await later.take(), owner);
  end();
  other.close();
  assert.equal(await later.take(), undefined);
  assert.equal(await Promise.race([owners.take(), Promise.resolve('nothing')]), 'nothing');
});

test('signals of another sender, path, member or first argument are not heard', needs, async t => {
  const bus = await connect(t, (await busHost(t)).address);
  const heard: string[] = [];
  const match = { sender: DAEMON.destination, interface: DAEMON.interface, member: 'NameOwnerChanged' };
  const matches = {
    'another sender': { ...match, sender: ':1.999' },
    'another path': { ...match, path: '/elsewhere' },
    'another member': { ...match, member: 'NameLost' },
    'another argument': { ...match, arg0: 'org.example.Other' },
    right: { ...match, path: DAEMON.path, arg0: 'org.freedesktop.Avahi' },
  };
  const seen = queue<string>();
  for (const [title, one] of Object.entries(matches)) {
    await bus.onSignal(one, () => {
      heard.push(title);
      seen.put(title);
    });
  }
  await bus.call({ ...DAEMON, member: 'RequestName', signature: 'su', body: [AVAHI, 4] });
  await seen.take();
  assert.deepEqual(heard, ['right']);
});

test('when the bus goes away, calls under way fail and the connection says so once', needs, async t => {
  const { host, address, child } = await busHost(t);
  const bus = await connect(t, address);
  const gone = new Promise(resolve => {
    bus.gone.addEventListener('abort', resolve);
  });
  child.signal('SIGSTOP');
  const call = bus.call({ ...DAEMON, member: 'GetId' });
  child.kill();
  await assert.rejects(call, hasCode('DBUS_GONE'));
  await gone;
  await assert.rejects(bus.call({ ...DAEMON, member: 'GetId' }), hasCode('DBUS_GONE'));
  await assert.rejects(connectBus(host.busAddress), hasCode('DBUS_GONE'));
});

test('a bus that is full refuses, which is an error like any other', needs, async t => {
  const lan = await createLan(t);
  const { address } = await startBus(await lan.host('host'), { limits: { max_connections_per_user: 1 } });
  await connect(t, address);
  await assert.rejects(connectBus(address), error => error instanceof MandosError);
});

test('an address that is none is an error, not an exception of the library', async () => {
  for (const address of ['', 'nonsense', 'unix:abstract=/tmp/x', 'unix:path=/nonexistent/socket']) {
    await assert.rejects(connectBus(address || 'unix:'), hasCode('DBUS_GONE'), address);
  }
});

test('a kept connection is made again when the bus is back', needs, async t => {
  const { host, address, child } = await busHost(t);
  const buses = queue<Bus>();
  const faults = queue<unknown>();
  const kept = keepConnected(buses.put, faults.put, address);
  t.after(() => kept.close());
  const first = await buses.take();
  await child.stop();
  assert.ok(hasCode('DBUS_GONE')(await faults.take()));
  assert.ok(first.gone.aborted);
  await startBus(host);
  const second = await buses.take();
  assert.equal((await second.call({ ...DAEMON, member: 'GetId' })).length, 1);
  kept.close();
  assert.ok(second.gone.aborted);
});
