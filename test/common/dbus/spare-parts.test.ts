import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openConnection } from '../../../common/dbus/connection.js';
import type { Variant } from '../../../common/dbus/decode.js';
import { servedObject } from '../../../common/dbus/interface-table.js';
import { serveObjects } from '../../../common/dbus/objects.js';
import { giveBackParts, takePart } from '../../../common/dbus/spare-parts.js';
import { requires } from '../../support/requires.js';
import { makeThing, pathOf, THING, thingTree } from './clients-like.js';
import { startFalseBus } from './false-bus.js';
import { startPrivateBus } from './private-bus.js';

const NAME = 'org.example.Things';
const MANAGER = 'org.freedesktop.DBus.ObjectManager';

test('the memory of a list that was sent is that of the next', () => {
  const part = takePart();
  assert.notEqual(takePart(), part);
  giveBackParts([part]);
  assert.equal(takePart(), part);
});

test('memory is given back when the bus has taken what is in it, not before', async t => {
  const falseBus = await startFalseBus(t);
  const ignore = { message: () => {}, fault: () => {}, end: () => {} };
  const connection = openConnection(falseBus.address, 1024, ignore);
  t.after(() => connection.close());
  await connection.flushed();
  falseBus.pause();
  let isSent = false;
  const sent = new Promise<void>(resolve => {
    // More than a socket holds.
    connection.send([Buffer.alloc(1024 * 1024)], () => {
      isSent = true;
      resolve();
    });
  });
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  assert.equal(isSent, false);
  falseBus.resume();
  await sent;
});

test('each list has the values of its time, in the memory of the one before', requires('dbus'), async t => {
  const privateBus = await startPrivateBus(t);
  const server = await privateBus.connect();
  const caller = await privateBus.connect({ messageLimitBytes: 32 * 1024 * 1024 });
  const names = Array.from({ length: 3000 }, (_, i) => `thing${i}`);
  const things = new Map(names.map(name => [pathOf(name), makeThing(name)]));
  serveObjects(server, thingTree(things, servedObject([], undefined)));
  assert.equal(await server.requestName(NAME), 'owned');
  const list = async () => {
    const call = { destination: NAME, path: '/', interface: MANAGER, member: 'GetManagedObjects' };
    const [managed] = (await caller.call(call)) as [Map<string, Map<string, Map<string, Variant>>>];
    return Array.from(
      managed.values(),
      interfaces => interfaces.get(THING.name)?.get('LastCheckedOK')?.value,
    );
  };
  for (const round of ['first', 'a second one', 'third']) {
    names.forEach((name, i) => {
      const thing = things.get(pathOf(name));
      // Of other lengths each time, so that nothing stands where it stood.
      if (thing) thing.checkedAt = `${round} ${i}`;
    });
    const [one, other] = await Promise.all([list(), list()]);
    assert.deepEqual(
      one,
      names.map((_, i) => `${round} ${i}`),
    );
    assert.deepEqual(other, one);
  }
});
