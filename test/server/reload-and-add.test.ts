import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IncomingCall } from '../../common/dbus/bus.js';
import type { SettingValue } from '../../server/control/controlled-server.js';
import { ObjectPaths } from '../../server/control/object-paths.js';
import { Operator } from '../../server/control/operator.js';
import { Turns } from '../../server/client/turns.js';
import { loadClients } from '../../server/clients-config.js';
import { loadOptions } from '../../server/options.js';
import { LiveConfiguration } from '../../server/reload.js';
import { Heart, keyOf } from './client/heart.js';
import { memoryFiles } from './config/memory-files.js';
import { controlled, Lines } from './control/scene.js';

const VALUES = new Map([['configdir', ['/x']]]);
const SECTION = `[filed]\nkey_id = ${keyOf('same')}\nsecret = hQECAw==\nhost = h\n`;
const CALL = { uid: () => Promise.resolve(0) } as unknown as IncomingCall;
const SETTINGS = new Map<string, SettingValue>([
  ['key_id', keyOf('same')],
  ['secret', Uint8Array.of(0xc1, 1)],
]);

/** A running server whose disk writes nothing for now, and whose configuration has got a client. */
function startBusy() {
  const heart = new Heart([]);
  heart.store.isBusy = true;
  const lines = new Lines();
  const turns = new Turns();
  const files: Record<string, string> = { '/x/clients.conf': '' };
  const read = memoryFiles(files);
  const current = { ...loadOptions(VALUES, read), ...loadClients('/x', read) };
  const { registry, ledger } = heart;
  const live = new LiveConfiguration(
    VALUES,
    read,
    current,
    { registry, ledger, turns, log: lines.log },
    {
      nowMs: () => heart.clock.nowMs(),
      random: () => 0.5,
      withConfigurationAccess: run => run(),
      applyOptions: () => {},
    },
  );
  const server = controlled(heart, lines, [], () => live.reload(), turns);
  const operator = new Operator(server, new ObjectPaths(registry));
  files['/x/clients.conf'] = SECTION;
  return {
    reload: () => live.reload(),
    add: () => operator.add('added', SETTINGS, CALL),
    /** Lets the disk write again, when all that can happen before has. */
    async release() {
      await new Promise(resolve => setImmediate(resolve));
      heart.store.isBusy = false;
      heart.store.finish();
    },
    names: () => [...registry].map(({ settings: { name } }) => name),
  };
}

test('a client that is added during a reload cannot have the key of one that the reload adds', async () => {
  const server = startBusy();
  const reloaded = server.reload();
  const added = server.add();
  const refused = assert.rejects(added, /added has the same key ID as filed/);
  await server.release();
  assert.equal(await reloaded, undefined);
  await refused;
  assert.deepEqual(server.names(), ['filed']);
});

test('a reload while a client is added refuses the configuration that has its key', async () => {
  const server = startBusy();
  const added = server.add();
  await new Promise(resolve => setImmediate(resolve));
  const reloaded = server.reload();
  await server.release();
  await added;
  assert.match((await reloaded) ?? '', /added, which was added at run time, has the same key ID as filed/);
  assert.deepEqual(server.names(), ['added']);
});
