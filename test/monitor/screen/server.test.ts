import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBus } from '../../support/peers.js';
import { makeKeys, startClient } from '../../support/programs.js';
import { ADDRESS, observe, place, PORT, SCREEN, section, startServer, untilClient } from './fleet.js';
import { Terminals } from './window.js';
import { createLan } from '../../support/namespace.js';

test("keys do to the original's server what they say", SCREEN, async t => {
  const { host, bus, terminals } = await place(t);
  await startServer(host, section('alpha', { checker: 'sleep 1000' }) + section('beta') + section('gamma'));
  const server = observe(t, bus.address);
  const window = await terminals.window();
  await window.waitFor(/alpha .*\n.*beta .*\n.*gamma /);

  await window.keys('j', '-');
  await window.waitFor(/Disable beta\?/);
  await window.keys('y');
  await untilClient(server, 'beta', client => client?.enabled === false);
  await window.waitFor(/beta +disabled/);
  await window.keys('+');
  const enabled = await untilClient(server, 'beta', client => client?.enabled === true);
  await window.waitFor(/beta +enabled/);
  await window.keys('C');
  await untilClient(
    server,
    'beta',
    client => client?.lastCheckedOkMs !== undefined && client.lastCheckedOkMs !== enabled?.lastCheckedOkMs,
  );

  await window.keys('Up', 's');
  await untilClient(server, 'alpha', client => client?.checkerRunning === true);
  await window.keys('S');
  await untilClient(server, 'alpha', client => client?.checkerRunning === false);

  await window.keys('G', 'R');
  await window.waitFor(/Remove gamma from the server\?/);
  await window.keys('n');
  await window.waitFor(/did not remove gamma/);
  await window.keys('C-k');
  await window.waitFor(/Remove gamma from the server\?/);
  await window.keys('y');
  await untilClient(server, 'gamma', client => client === undefined);
  await window.waitFor(/gamma: removed/);

  await window.keys('q');
  assert.deepEqual(await window.end(), { status: 0, isRestored: true });
});

const ORIGINAL_ASKS_MS = 5_000;

test('a request for approval is on top, rings the bell, and is answered', SCREEN, async t => {
  const { lan, host, bus, terminals } = await place(t);
  const keys = await makeKeys(lan.directory, 'zulu', 'open sesame');
  const approval = 'approved_by_default = False\napproval_delay = PT1H\n';
  await startServer(host, section('alpha') + keys.section + approval);
  const server = observe(t, bus.address);
  const window = await terminals.window({ columns: 150 });
  await window.waitFor(/alpha .*\n.*zulu /);
  assert.ok(!window.written().includes('\x07'));

  const client = startClient(host, keys.keys, [`--connect=${ADDRESS}:${PORT}`]);
  await window.waitFor(/1 client waits for approval: zulu \(denial in 0:5\d:\d\d\)\n.*\n\? zulu .*\n.*alpha/);
  await window.waitFor(/1 waiting for approval/);
  assert.equal(await window.bells(), 1);
  const first = await untilClient(server, 'zulu', one => one?.approvalPending === true);
  // The other client is selected: the first key says so, the second one answers.
  await window.keys('d');
  await window.waitFor(/alpha does not wait for approval, but zulu does/);
  await window.keys('d');
  await window.waitFor(/zulu: was refused its secret: Denied/);

  // It asks again.
  await untilClient(
    server,
    'zulu',
    one => one?.approvalPending === true && one.lastApprovalRequestMs !== first?.lastApprovalRequestMs,
  );
  // The original locks up for good when it is answered while it still asks, and there is no event to wait for.
  await sleep(ORIGINAL_ASKS_MS);
  await window.keys('a');
  assert.equal((await client.waitForExit()).code, 0, client.tail());
  assert.equal(client.stdout, 'open sesame');
  await window.waitFor(/zulu: received its secret/);
  await window.waitFor(/0 waiting for approval/);
  await window.waitFor(/zulu +enabled .* \d+s *│/);
});

test(
  'the monitor waits for bus and server, keeps the last state of one that is killed, and finds it again',
  SCREEN,
  async t => {
    const lan = await createLan(t);
    const host = await lan.host('server');
    const terminals = await Terminals.open(host);
    const window = await terminals.window();
    await window.waitFor(/There is no D-Bus message bus\./);
    await startBus(host);
    await window.waitFor(/The Mandos server is not running/);
    const first = await startServer(host, section('alpha') + section('beta'));
    await window.waitFor(/alpha .*\n.*beta /);

    await first.child.stop('SIGKILL');
    await window.waitFor(/The Mandos server is gone since[^]*alpha .*\n.*beta /);
    await window.keys('+');
    await window.waitFor(/cannot enable alpha: the Mandos server is not there/);
    const second = await startServer(host, section('alpha') + section('beta') + section('gamma'));
    await window.waitFor(/alpha .*\n.*beta .*\n.*gamma /);
    await window.waitFor(/is gone since/, false);

    // A clean stop takes the clients off the bus first.
    await second.child.stop();
    await window.waitFor(/The Mandos server is gone since[^]*alpha .*\n.*beta .*\n.*gamma /);
    await window.waitFor(/removed/, false);
  },
);
