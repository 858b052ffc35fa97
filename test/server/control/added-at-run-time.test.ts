import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { connectBus, isDbusError } from '../../../common/dbus/bus.js';
import type { BusDaemon } from '../../support/bus.js';
import { configDirectory, runNode, stateDirectory } from '../../support/loopback.js';
import { MANDOS } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { keyOf } from '../client/heart.js';
import { SERVER, startSystemBus } from './scene.js';

const section = (name: string, keyId: string) =>
  `[${name}]\nkey_id = ${keyId}\nsecret = wQECAw==\nhost = localhost\nchecker = :\n`;

/** The server itself, on a bus of its own. */
async function startOn(t: TestContext, bus: BusDaemon, config: string, state: string) {
  const args = ['--foreground', '--no-zeroconf', '--address=::1', '--port=0', '--debuglevel=INFO'];
  const child = runNode(t, MANDOS, [...args, `--configdir=${config}`, `--statedir=${state}`], {
    env: { DBUS_SYSTEM_BUS_ADDRESS: bus.address },
  });
  await child.waitForOutput(/D-Bus: serving as/);
  return child;
}

test(
  'a client that is added over D-Bus is there after a crash; a reload that would give its key to another is refused',
  requires('dbus', 'root'),
  async t => {
    const bus = await startSystemBus(t);
    const config = configDirectory(t, { 'clients.conf': section('a', keyOf('a')) });
    const file = join(config, 'clients.conf');
    const state = stateDirectory(t);
    const caller = await connectBus(bus.address);
    t.after(() => caller.close());
    const call = async (member: string, signature = '', ...body: unknown[]) =>
      await caller.call({ destination: SERVER, path: '/', interface: SERVER, member, signature, body });
    const add = async (name: string, key: string) =>
      await call(
        'AddClient',
        'sa{sv}',
        name,
        new Map<string, unknown>([
          ['key_id', { signature: 's', value: key }],
          ['secret', { signature: 'ay', value: Buffer.from([0xc1, 1]) }],
          ['host', { signature: 's', value: 'localhost' }],
          ['checker', { signature: 's', value: ':' }],
        ]),
      );

    const first = await startOn(t, bus, config, state);
    await add('new', keyOf('new'));
    await call('RemoveClient', 'o', '/clients/a');
    await assert.rejects(add('a', keyOf('b')), /an operator has removed it .*change its section/);
    await first.stop('SIGKILL');

    const second = await startOn(t, bus, config, state);
    assert.deepEqual(await call('GetAllClients'), [['/clients/new']]);
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, `${before}${section('thief', keyOf('new'))}`);
    await assert.rejects(
      call('Reload'),
      (error: Error) => isDbusError(error, 'Failed') && /new.*same key ID as thief/.test(error.message),
    );
    assert.deepEqual(await call('GetAllClients'), [['/clients/new']]);
    writeFileSync(file, `${before}[broken`);
    await assert.rejects(call('Reload'), (error: Error) =>
      /1 error in the configuration/.test(error.message),
    );
    // By its name it becomes the configuration's.
    writeFileSync(file, `${before}${section('new', keyOf('other'))}`);
    await call('Reload');
    assert.deepEqual(await call('AddedClients'), [[]]);
    await second.stop();
  },
);
