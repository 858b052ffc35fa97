import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { connectBus } from '../../../common/dbus/bus.js';
import { clientObjectPath } from '../../../server/client/object-path.js';
import { serveControl } from '../../../server/control/control.js';
import { requires } from '../../support/requires.js';
import { Heart, settingsOf } from '../client/heart.js';
import { CLIENT, controlled, inWords, Lines, SERVER, startScene, startSystemBus } from './scene.js';

const execute = promisify(execFile);
const needs = requires('dbus', 'root');
const OLD_SERVER = 'se.bsnet.fukt.Mandos';
const RESTARTS = 20;
/** The server is to serve this many. */
const MANY = 10_000;

test('a start announces every client, in order, and a clean stop tells that each is gone', needs, async t => {
  const bus = await startSystemBus(t);
  const listener = await connectBus(bus.address);
  t.after(() => listener.close());
  const heard: string[] = [];
  await listener.onSignal({ sender: SERVER }, signal => heard.push(inWords(signal)));
  const heart = new Heart([settingsOf('a'), settingsOf('b')]);
  const lines = new Lines();
  const control = serveControl(controlled(heart, lines), { address: bus.address });
  await lines.wait(/serving as/);
  let freed = () => {};
  const isFree = new Promise<void>(resolve => (freed = resolve));
  await listener.onOwner(SERVER, owner => {
    if (owner === undefined) freed();
  });
  await control.close();
  await isFree;
  assert.deepEqual(
    heard.map(line => line.replace(/ [{[].*/, '')),
    [
      ...['a', 'b'].flatMap(name => [
        `/ InterfacesAdded /clients/${name}`,
        `/ ClientAdded /clients/${name}`,
        `/ old ClientAdded /clients/${name}`,
      ]),
      ...['a', 'b'].flatMap(name => [
        `/ InterfacesRemoved /clients/${name}`,
        `/ ClientRemoved /clients/${name} ${name}`,
        `/ old ClientRemoved /clients/${name} ${name}`,
      ]),
    ],
  );
});

test('without a bus the server goes on, says so once, and is there when the bus is', needs, async t => {
  const bus = await startSystemBus(t);
  await bus.stop();
  const heart = new Heart([settingsOf('a')]);
  const lines = new Lines();
  const control = serveControl(controlled(heart, lines), { address: bus.address });
  t.after(async () => await control.close());
  await lines.wait(/going on without D-Bus/);
  await heart.disable();
  await bus.start();
  await lines.wait(/serving as/);
  assert.equal(lines.count(/going on without D-Bus/), 1);
  const caller = await connectBus(bus.address);
  t.after(() => caller.close());
  const call = { destination: OLD_SERVER, path: '/clients/a', interface: CLIENT, member: 'Enable' };
  await caller.call(call);
  assert.equal(heart.client().enabled, true);
});

test('a name that another program has is taken when it is free, and that is said once', needs, async t => {
  const bus = await startSystemBus(t);
  const other = await connectBus(bus.address);
  t.after(() => other.close());
  await other.requestName(SERVER);
  const heart = new Heart([settingsOf('a')]);
  const lines = new Lines();
  const control = serveControl(controlled(heart, lines), { address: bus.address });
  t.after(async () => await control.close());
  await lines.wait(/another program has the name se\.recompile\.Mandos/);
  await heart.disable();
  other.close();
  await lines.wait(/serving as/);
  assert.equal(lines.count(/error|warning/), 1, lines.all.join('\n'));
});

test('without its old name the server serves all the same', needs, async t => {
  const bus = await startSystemBus(t);
  const other = await connectBus(bus.address);
  t.after(() => other.close());
  await other.requestName(OLD_SERVER);
  const scene = await startScene(t, [settingsOf('a')], { bus });
  assert.equal(scene.lines.count(/old name se\.bsnet\.fukt\.Mandos is taken/), 1);
  await scene.of('a', 'Disable');
});

test('where the policy of the bus forbids the name, the server says so and goes on', needs, async t => {
  const bus = await startSystemBus(t, false);
  const heart = new Heart([settingsOf('a')]);
  const lines = new Lines();
  const control = serveControl(controlled(heart, lines), { address: bus.address });
  await lines.wait(/may not have the name.*packaging\/dbus\/mandos\.conf/);
  await heart.disable();
  await control.close();
  assert.equal(lines.count(/error|warning/), 1, lines.all.join('\n'));
});

test(
  'root may use the server, and any other user is refused by the policy',
  requires('dbus', 'root', 'setpriv', 'python3'),
  async t => {
    const scene = await startScene(t, [settingsOf('a')]);
    const busctl = async (prefix: readonly string[]) => {
      const command = [...prefix, 'busctl', `--address=${scene.bus.address}`];
      const args = [...command, 'call', SERVER, '/clients/a', CLIENT, 'Disable'];
      return await execute('env', args).then(
        () => 'done',
        (error: unknown) => (error as { stderr: string }).stderr,
      );
    };
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    assert.match(await busctl(nobody), /denied/i);
    assert.equal(scene.heart.client().enabled, true);
    assert.equal(await busctl([]), 'done');
    assert.equal(scene.heart.client().enabled, false);
  },
);

test('through 20 restarts of the bus the server stays, comes back, and leaks nothing', needs, async t => {
  const scene = await startScene(t, [settingsOf('a'), settingsOf('b')]);
  scene.caller.close();
  // Events that go on, whether there is a bus or not.
  const end = new AbortController();
  const busy = (async () => {
    while (!end.signal.aborted) {
      scene.heart.update('a', client => ({ ...client, checking: !client.checking }));
      await new Promise(setImmediate);
    }
  })();
  let files = 0;
  for (let restart = 1; restart <= RESTARTS; restart++) {
    await scene.bus.stop();
    await scene.bus.start();
    await scene.lines.wait(/serving as/, restart + 1);
    const caller = await connectBus(scene.bus.address);
    const call = { destination: SERVER, path: '/', interface: SERVER, member: 'GetAllClients' };
    assert.deepEqual(await caller.call(call), [['/clients/a', '/clients/b']]);
    caller.close();
    if (restart === 2) files = readdirSync('/proc/self/fd').length;
  }
  end.abort();
  await busy;
  assert.ok(readdirSync('/proc/self/fd').length <= files + 1, 'connections that are over are closed');
  assert.equal(scene.lines.count(/could not be told|: Error/), 0, scene.lines.all.join('\n'));
});

test('10,000 clients are announced, and told to be gone', needs, async t => {
  const bus = await startSystemBus(t);
  const listener = await connectBus(bus.address);
  t.after(() => listener.close());
  const added = new Set<string>();
  let areAdded = () => {};
  const all = new Promise<void>(resolve => (areAdded = resolve));
  await listener.onSignal({ sender: SERVER, interface: SERVER, member: 'ClientAdded' }, signal => {
    added.add(String(signal.body()[0]));
    if (added.size === MANY) areAdded();
  });
  const names = Array.from({ length: MANY }, (_, i) => `client${i}`);
  const lines = new Lines();
  const heart = new Heart(names.map(name => settingsOf(name)));
  const control = serveControl(controlled(heart, lines), { address: bus.address });
  t.after(async () => await control.close());
  await all;
  assert.ok(added.has(clientObjectPath(names.at(-1) ?? '')));
  await control.close();
  assert.equal(lines.count(/error|warning/), 0, lines.all.join('\n'));
});
