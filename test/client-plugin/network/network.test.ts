import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Child } from '../../support/child.js';
import { requires } from '../../support/requires.js';
import { kernelLog, networkState, PASSWORD, scene, start } from './scene.js';

const NETNS = requires('root', 'netns');

async function assertUnlocks(child: Child): Promise<void> {
  assert.equal((await child.waitForExit()).code, 0, child.tail());
  assert.equal(child.stdout, PASSWORD);
}

test('an interface that is down is brought up, used, and taken down again', NETNS, async t => {
  const { client, server, keys } = await scene(t);
  const before = await networkState(client);
  const printk = kernelLog(client);
  await server.interfaces[0]?.unplug();
  const child = start({ client, keys }, [], { printk: printk.file });
  // A password that is there at once comes before any word of the interface.
  await child.waitForOutput(/^mandos-client: interface eth0 is up$/m);
  await server.interfaces[0]?.plug();
  await assertUnlocks(child);
  assert.equal(child.stderr.match(/interface eth0 is up/g)?.length, 1);
  assert.equal(await networkState(client), before);
  assert.match(printk.read(), /^7\b/);
});

test('an address is used while it is still found out whether another host has it', NETNS, async t => {
  const { client, keys } = await scene(t);
  const settings = '/proc/sys/net/ipv6/conf/eth0';
  // It would take minutes, and the client does not wait for them.
  await client.run('sh', ['-ec', `echo 1 >${settings}/accept_dad; echo 200 >${settings}/dad_transmits`]);
  const child = start({ client, keys });
  await assertUnlocks(child);
  assert.equal((await client.run('cat', [`${settings}/optimistic_dad`])).stdout, '0\n');
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal} makes the network what it was, and ends the client`, NETNS, async t => {
    const { client, keys } = await scene(t, { up: false, segments: [1] });
    const before = await networkState(client);
    const printk = kernelLog(client);
    const child = start({ client, keys }, [], { printk: printk.file });
    await child.waitForOutput(/looking for servers on eth0/);
    assert.notEqual(await networkState(client), before);
    assert.match(printk.read(), /^5\b/, 'the kernel is quiet meanwhile');
    child.signal(signal);
    assert.deepEqual(await child.waitForExit(), { code: null, signal });
    assert.equal(child.stdout, '');
    assert.equal(await networkState(client), before);
    assert.match(printk.read(), /^7\b/);
  });
}

test('an interface that appears later is brought up and used', NETNS, async t => {
  const { client, keys } = await scene(t);
  const [eth0] = client.interfaces;
  const before = await networkState(client);
  await eth0?.remove();
  const child = start({ client, keys }, ['--delay=0.5']);
  await child.waitForOutput(/there is no suitable network interface/);
  await eth0?.create({ up: false });
  await assertUnlocks(child);
  assert.equal(await networkState(client), before);
});

test(
  'of two interfaces that are down, the second may be the one that leads to the server',
  NETNS,
  async t => {
    const { client, keys } = await scene(t, { up: false, segments: [0, 1] }, 1);
    const before = await networkState(client);
    await assertUnlocks(start({ client, keys }));
    assert.equal(await networkState(client), before);
  },
);

test(
  'an interface without a carrier is reported after --delay, and used when it gets one',
  NETNS,
  async t => {
    const { client, keys } = await scene(t);
    await client.interfaces[0]?.unplug();
    const child = start({ client, keys }, ['--delay=0.5']);
    await child.waitForOutput(/interface eth0 has no carrier/);
    assert.doesNotMatch(child.stderr, /eth0 is up/);
    await client.interfaces[0]?.plug();
    await assertUnlocks(child);
    assert.match(child.stderr, /interface eth0 is up/);
  },
);

test('--interface names what is brought up, and what is behind "none" is only used', NETNS, async t => {
  const { client, keys } = await scene(t, { up: false, segments: [1, 0, 0] });
  const child = start({ client, keys }, ['--interface=eth0,none,eth1']);
  await child.waitForOutput(/looking for servers on eth0/);
  assert.match(await networkState(client), /"eth0",\s+"flags": \[[^\]]*"UP"/);
  assert.doesNotMatch(await networkState(client), /"eth[12]",\s+"flags": \[[^\]]*"UP"/);
  await client.interfaces[1]?.up();
  await assertUnlocks(child);
  assert.match(
    await networkState(client),
    /"eth1",\s+"flags": \[[^\]]*"UP"/,
    'who brought it up takes it down',
  );
});

test(
  'an interface that has got an IPv4 address is left to who gave it; others are taken down',
  NETNS,
  async t => {
    const { client, keys } = await scene(t, {
      up: false,
      segments: [1, 1],
      addresses: { 1: ['192.0.2.7/24'] },
    });
    const child = start({ client, keys });
    await child.waitForOutput(/looking for servers on eth0, eth1/);
    await client.run('ip', ['address', 'add', '192.0.2.5/24', 'dev', 'eth0']);
    await child.stop();
    const state = await networkState(client);
    assert.match(state, /"eth0",\s+"flags": \[[^\]]*"UP"/);
    assert.doesNotMatch(state, /"eth1",\s+"flags": \[[^\]]*"UP"/, 'it had its address before');
  },
);

test('that others have taken an interface down, or away, is no fault', NETNS, async t => {
  const { client, keys } = await scene(t, { up: false, segments: [1, 1] });
  const child = start({ client, keys });
  await child.waitForOutput(/looking for servers on eth0, eth1/);
  await client.interfaces[0]?.down();
  await client.interfaces[1]?.remove();
  await child.waitForOutput(/no network interface is ready any more/);
  assert.equal((await child.stop()).signal, 'SIGTERM');
  assert.doesNotMatch(child.stderr, /warning|error/);
  assert.doesNotMatch(await networkState(client), /"eth0",\s+"flags": \[[^\]]*"UP"/);
});

test(
  'who is not root is told once that nothing is brought up, and uses what is up',
  requires('root', 'netns', 'setpriv'),
  async t => {
    const { client, keys } = await scene(t, { up: false, segments: [0, 0] });
    chmodSync(keys.keys, 0o755);
    for (const file of readdirSync(keys.keys)) chmodSync(join(keys.keys, file), 0o644);
    const prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const child = start({ client, keys }, ['--delay=0.5'], { prefix });
    await child.waitForOutput(/interface eth1 is down/);
    await client.interfaces[1]?.up();
    await assertUnlocks(child);
    assert.equal(child.stderr.match(/cannot be brought up/g)?.length, 1);
    assert.match(await networkState(client), /"eth1",\s+"flags": \[[^\]]*"UP"/);
  },
);

test('while it looks for servers no thread has any right of root', NETNS, async t => {
  const { client, keys } = await scene(t, { up: false, segments: [1] });
  const child = start({ client, keys });
  await child.waitForOutput(/looking for servers on eth0/);
  const threads = readdirSync(`/proc/${child.pid}/task`);
  assert.ok(threads.length > 1);
  for (const thread of threads) {
    const status = readFileSync(`/proc/${child.pid}/task/${thread}/status`, 'utf8');
    assert.match(status, /^Uid:\t0\t65534\t0\t65534$/m);
    assert.match(status, /^Gid:\t0\t65534\t0\t65534$/m);
    assert.match(status, /^CapEff:\t0+$/m);
    assert.match(status, /^Groups:\t\s*$/m);
  }
});
