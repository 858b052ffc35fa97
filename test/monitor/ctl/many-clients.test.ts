import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { startBus } from '../../support/peers.js';
import { startServer } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { Terminals } from '../screen/window.js';
import { ctl, MANDOS_CTL } from './scene.js';

/** As many as do not fit into the 32 MiB that a bus relays in one message. */
const CLIENTS = 20_000;

const SCALE = requires('netns', 'dbus', 'tmux');

test('more clients than one message can hold are listed and changed all the same', SCALE, async t => {
  const lan = await createLan(t);
  const host = await lan.host('server');
  await startBus(host);
  const sections = Array.from(
    { length: CLIENTS },
    (_, i) => `[client${i}]\nkey_id = ${String(i).padStart(64, 'f33fcbe6')}\n`,
  );
  const defaults = '[DEFAULT]\nsecret = hA==\nchecker = :\ninterval = P1D\ntimeout = P2D\n';
  const { child } = await startServer(host, {
    clientsConf: defaults + sections.join(''),
    args: ['--no-zeroconf', '--port=14141'],
  });
  await child.waitForOutput(/serving as /);

  const { code, stdout, stderr } = await ctl(host, ['--dump-json']);
  assert.deepEqual([code, stderr], [0, '']);
  const clients = Object.entries(JSON.parse(stdout) as Record<string, { Name: string; KeyID: string }>);
  assert.equal(clients.length, CLIENTS);
  for (const [i, [name, properties]] of clients.entries()) {
    assert.equal(name, `client${i}`);
    assert.equal(properties.KeyID, String(i).padStart(64, 'f33fcbe6').toUpperCase());
  }

  // How far long work is, is said on a terminal, and taken away at the end.
  const terminals = await Terminals.open(host);
  const window = await terminals.window({
    command: [process.execPath, MANDOS_CTL, '--all', '--approve-by-default'],
  });
  await window.waitFor(/^\d+ of 20000 clients read$/m);
  await window.waitFor(/^\d+ of 20000 clients$/m);
  assert.equal((await window.end()).status, 0);
  assert.doesNotMatch(await window.text(), /of 20000/);
});
