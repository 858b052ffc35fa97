import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { startBus } from '../../support/peers.js';
import { startServer } from '../../support/programs.js';
import { requires } from '../../support/requires.js';
import { ctl } from '../ctl/scene.js';
import { Terminals } from './window.js';

const CLIENTS = 10_000;
/** One for who has the server's name, and one for all signals of all clients. */
const MATCH_RULES = 2;

const SCREEN = requires('netns', 'dbus', 'tmux');

const name = (i: number) => `client${String(i).padStart(5, '0')}`;
const SECTIONS = Array.from(
  { length: CLIENTS },
  (_, i) => `[${name(i)}]\nkey_id = ${String(i).padStart(64, 'f33fcbe6')}\n`,
);

test('10,000 clients are followed with one rule for all, and keys lead through them', SCREEN, async t => {
  const lan = await createLan(t);
  const host = await lan.host('server');
  await startBus(host, { limits: { max_match_rules_per_connection: MATCH_RULES } });
  const defaults = '[DEFAULT]\nsecret = hA==\nchecker = :\ninterval = P1D\ntimeout = P2D\n';
  const { child } = await startServer(host, {
    clientsConf: defaults + SECTIONS.join(''),
    args: ['--no-zeroconf', '--port=14141'],
  });
  await child.waitForOutput(/serving as /);
  const terminals = await Terminals.open(host);
  const window = await terminals.window();
  await window.waitFor(/^ Mandos {3}10000 enabled/);
  await window.waitFor(/^● client00000 /m);

  await window.keys('G');
  await window.waitFor(/^● client09999 /m);
  await window.keys('Up');
  await ctl(host, ['-d', name(9998)]);
  await window.waitFor(/^ Mandos {3}9999 enabled {3}1 disabled[^]*^○ client09998 /m);
  await window.keys('/');
  await window.bytes('t0777');
  await window.waitFor(/^● client07770 .*\n(● client0777\d .*\n){9} *$/m);
  await window.keys('Enter', '+', 'G', '-');
  await window.waitFor(/Disable client07779\?/);
  await window.keys('y');
  await window.waitFor(/^○ client07779 /m);
  await window.keys('q');
  assert.deepEqual(await window.end(), { status: 0, isRestored: true });
});
