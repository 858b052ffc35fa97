import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { connectBus } from '../../common/dbus/bus.js';
import { ADDRESS, place, section } from '../monitor/screen/fleet.js';
import { makeKeys, startClient, startServer } from '../support/programs.js';
import { requires } from '../support/requires.js';
import { SERVER } from './dbus-scene.js';

const PASSWORD = 'open sesame';

/** Nothing of the clients changes by itself while a test looks at them. */
const SLOW = '[DEFAULT]\ninterval = PT1H\ntimeout = PT2H\n';

/** Its secret needs an operator, who has time. */
const APPROVAL = 'approved_by_default = False\napproval_delay = PT1H\n';

/** This project's server with three clients, terminals beside it, the machine that zulu is, and an administrator. */
async function scene(t: TestContext) {
  const { lan, host, bus, terminals } = await place(t);
  const keys = await makeKeys(lan.directory, 'zulu', PASSWORD);
  const { child, port } = await startServer(host, {
    clientsConf: `${SLOW}${section('beta')}${keys.section}${APPROVAL}${section('alpha')}`,
    args: ['--no-zeroconf', '--port=4711'],
  });
  await child.waitForOutput(/D-Bus: serving as/);
  const caller = await connectBus(bus.address);
  t.after(() => caller.close());
  const call = async (member: string, signature: string, ...body: unknown[]) =>
    await caller.call({ destination: SERVER, path: '/', interface: SERVER, member, signature, body });
  return {
    terminals,
    ask: () => startClient(host, keys.keys, [`--connect=${ADDRESS}:${port}`]),
    add: async (name: string) =>
      await call(
        'AddClient',
        'sa{sv}',
        name,
        new Map([
          ['key_id', { signature: 's', value: 'd'.repeat(64) }],
          ['secret', { signature: 'ay', value: Buffer.from([0xc1, 1]) }],
          ['host', { signature: 's', value: 'localhost' }],
        ]),
      ),
    remove: async (name: string) => await call('RemoveClient', 'o', `/clients/${name}`),
  };
}

test(
  "the original's mandos-monitor shows this server's clients and what becomes of them, and its keys act on them",
  requires('netns', 'root', 'dbus', 'mandos', 'mandos-monitor', 'tmux'),
  async t => {
    const { terminals, ask, add, remove } = await scene(t);
    const window = await terminals.window({ columns: 120, command: ['/usr/sbin/mandos-monitor'] });
    await window.waitFor(/^alpha: .*until client gets disabled.*\nbeta: .*\nzulu: .*\n+\u2500/);

    await window.keys('-');
    await window.waitFor(/^alpha: DISABLED\nbeta: .*until client gets disabled/);
    await window.keys('+');
    await window.waitFor(/^alpha: .*until client gets disabled.*\nbeta: /);

    await add('mike');
    await window.waitFor(/^alpha: .*\nbeta: .*\nmike: .*\nzulu: .*\n+\u2500/);
    await remove('mike');
    await window.waitFor(/^alpha: .*\nbeta: .*\nzulu: .*\n+\u2500/);

    const client = ask();
    await window.waitFor(/\nzulu: Denial in 0:5\d:\d\d\. \(a\)pprove\?/);
    await window.waitFor(/Client zulu needs approval within 3600/);
    await window.keys('j', 'j', 'a');
    assert.equal((await client.waitForExit()).code, 0, client.tail());
    assert.equal(client.stdout, PASSWORD);
    await window.waitFor(/Client zulu received its secret/);
    await window.waitFor(/\nzulu: .*until client gets disabled/);

    await window.keys('R');
    await window.waitFor(/^alpha: .*\nbeta: .*\n+\u2500/);
    await window.keys('q');
    assert.equal((await window.end()).status, 0);
  },
);

test(
  "this project's mandos-monitor shows this project's server's clients, and its keys act on them",
  requires('netns', 'root', 'dbus', 'mandos', 'tmux'),
  async t => {
    const { terminals, ask, add, remove } = await scene(t);
    const window = await terminals.window({ columns: 120 });
    await window.waitFor(/. alpha +enabled .*\n. beta +enabled .*\n. zulu +enabled /);

    await window.keys('-');
    await window.waitFor(/Disable alpha\?/);
    await window.waitFor(/. alpha +enabled /);
    await window.keys('y');
    await window.waitFor(/. alpha +disabled .*\n. beta +enabled /);
    await window.keys('+');
    await window.waitFor(/. alpha +enabled .*\n. beta +enabled /);

    await add('mike');
    await window.waitFor(/. beta .*\n. mike .*\n. zulu /);
    await remove('mike');
    await window.waitFor(/. beta .*\n. zulu /);

    const client = ask();
    await window.waitFor(/\n\? zulu .*\n. alpha .*\n. beta /);
    await window.keys('g', 'a');
    assert.equal((await client.waitForExit()).code, 0, client.tail());
    assert.equal(client.stdout, PASSWORD);
    await window.waitFor(/zulu: received its secret/);
    await window.waitFor(/. alpha .*\n. beta .*\n. zulu +enabled /);

    await window.keys('q');
    assert.deepEqual(await window.end(), { status: 0, isRestored: true });
  },
);
