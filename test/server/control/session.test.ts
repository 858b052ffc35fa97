import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bus } from '../../../common/dbus/bus.js';
import { clientInterfaces } from '../../../server/control/client-interface.js';
import { ObjectPaths } from '../../../server/control/object-paths.js';
import { Operator } from '../../../server/control/operator.js';
import { serverInterfaces } from '../../../server/control/server-interface.js';
import { Session } from '../../../server/control/session.js';
import { Heart, settingsOf } from '../client/heart.js';
import { controlled, Lines } from './scene.js';

/** Far more than one slice's. */
const MANY = 10_000;
const SIGNALS_EACH = 3;

function sessionOn(bus: Partial<Bus>, count: number): Session {
  const heart = new Heart(Array.from({ length: count }, (_, i) => settingsOf(`client${i}`)));
  const server = controlled(heart, new Lines());
  const paths = new ObjectPaths(heart.registry);
  const operator = new Operator(server, paths);
  const interfaces = {
    client: clientInterfaces(operator),
    server: serverInterfaces(server, paths, operator),
  };
  return new Session({ serve: () => {}, ...bus } as Bus, interfaces, paths);
}

test('many clients are announced in slices, between which other things happen', async () => {
  let sent = 0;
  const gone = new AbortController();
  const flushed = () => Promise.resolve();
  const session = sessionOn({ gone: gone.signal, emit: () => void sent++, flushed }, MANY);
  const announced = session.announce();
  await new Promise(setImmediate);
  assert.ok(sent > 0 && sent < MANY * SIGNALS_EACH, String(sent));
  await announced;
  assert.equal(sent, MANY * SIGNALS_EACH);
});

test('an announcement ends when its bus has gone or the server stops', async () => {
  let sent = 0;
  const gone = new AbortController();
  const flushed = () => Promise.resolve();
  const session = sessionOn({ gone: gone.signal, emit: () => void sent++, flushed }, MANY);
  const announced = session.announce();
  gone.abort();
  await announced;
  assert.ok(sent < MANY * SIGNALS_EACH);
});

test('a bus that hangs does not keep the server from stopping', async () => {
  const flushed = () => new Promise<void>(() => {});
  const session = sessionOn({ gone: new AbortController().signal, emit: () => {}, flushed }, MANY);
  await session.end();
});
