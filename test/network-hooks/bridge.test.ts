import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Host, Lan } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import type { Cleanup } from '../support/namespace.js';
import { assertSurvivesKills, countedPrograms } from './killed.js';
import {
  assertReaches,
  assertState,
  eventually,
  hardwareAddress,
  HookDirectory,
  isUp,
  linkOf,
  needing,
  output,
  SHELLS,
  state,
  STATE,
} from './scene.js';

const NEEDS = needing('dash', 'busybox', '/usr/lib/klibc/bin/sh', 'fping');

interface Scene {
  readonly lan: Lan;
  readonly host: Host;
  readonly peer: Host;
  readonly hooks: HookDirectory;
}

/** A host with two cards that are down, as in an initramfs, and a peer behind the first. */
async function scene(t: Cleanup, shell: readonly string[] = []): Promise<Scene> {
  const lan = await createLan(t, { segments: 2 });
  const peer = await lan.host('peer', { addresses: { 0: ['192.0.2.1/24', '2001:db8::1/64'] } });
  const host = await lan.host('host', { segments: [0, 1], up: false });
  return { lan, host, peer, hooks: new HookDirectory(lan, host, shell) };
}

async function configure({ host, hooks }: Scene, more = ''): Promise<void> {
  const [eth0, eth1] = [await hardwareAddress(host, 'eth0'), await hardwareAddress(host, 'eth1')];
  hooks.write('bridge.conf', `BRIDGE=br0\nPORT_ADDRESSES="${eth0.toUpperCase()} ${eth1}"\n${more}`);
}

describe('bridge', NEEDS, () => {
  for (const shell of SHELLS) {
    test(`is made, carries traffic, and leaves nothing (${shell.join(' ')})`, async t => {
      const it = await scene(t, shell);
      const { host, hooks } = it;
      await configure(
        it,
        'IPADDRS="192.0.2.3/24 2001:DB8::3/64"\nROUTES="192.0.2.0/24 198.51.100.0/24 default@192.0.2.1"\n',
      );
      const before = await state(host);
      await hooks.succeed('bridge', 'start');
      const bridge = await linkOf(host, 'br0');
      assert.equal(bridge?.['address'], await hardwareAddress(host, 'eth0'));
      assert.equal((await linkOf(host, 'eth0'))?.['master'], 'br0');
      assert.equal((await linkOf(host, 'eth1'))?.['master'], 'br0');
      await assertReaches(host, '192.0.2.1');
      await assertReaches(host, '2001:db8::1');
      const routes = await output(host, 'ip', 'route');
      assert.match(routes, /^198\.51\.100\.0\/24 dev br0/m);
      assert.match(routes, /^default via 192\.0\.2\.1 dev br0/m);
      await hooks.succeed('bridge', 'stop');
      await assertState(host, before, 'after stop');
    });

    test(`leaves nothing when it is killed in between (${shell.join(' ')})`, async t => {
      const it = await scene(t, shell);
      await configure(it, 'IPADDRS="192.0.2.3/24 2001:db8::3/64"\nROUTES="198.51.100.0/24"\n');
      const conf = countedPrograms(it.hooks, ['ip', 'sleep']);
      await configure(it, `${conf}IPADDRS="192.0.2.3/24 2001:db8::3/64"\nROUTES="198.51.100.0/24"\n`);
      await assertSurvivesKills(it.hooks, 'bridge', shell[0] === 'dash' ? ['before', 'late'] : ['late']);
    });
  }

  test('leaves up what was up before, with its addresses', async t => {
    const it = await scene(t);
    const { host, hooks } = it;
    await host.interfaces[1]?.up();
    await host.interfaces[1]?.waitForLinkLocal();
    await output(host, 'ip', 'address', 'add', '203.0.113.5/24', 'dev', 'eth1');
    await configure(it);
    const before = await state(host);
    await hooks.succeed('bridge', 'start');
    await hooks.succeed('bridge', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('leaves a bridge alone that was there before', async t => {
    const it = await scene(t);
    const { host, hooks } = it;
    await output(host, 'ip', 'link', 'add', 'br0', 'type', 'bridge');
    await configure(it);
    const before = await state(host);
    await hooks.succeed('bridge', 'start');
    const started = await state(host);
    assert.deepEqual(started['links'], before['links']);
    await hooks.succeed('bridge', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('does not take a card out of another bridge', async t => {
    const it = await scene(t);
    const { host, hooks } = it;
    await output(host, 'ip', 'link', 'add', 'other', 'type', 'bridge');
    await output(host, 'ip', 'link', 'set', 'eth1', 'master', 'other');
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES="eth0 eth1"\n');
    const before = await state(host);
    assert.match(await hooks.fail('bridge', 'start'), /eth1 belongs to another interface/);
    assert.equal((await linkOf(host, 'eth0'))?.['master'], 'br0', 'the other card is used');
    await hooks.succeed('bridge', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('is stopped without a start, and twice', async t => {
    const it = await scene(t);
    await configure(it);
    const before = await state(it.host);
    await it.hooks.succeed('bridge', 'stop');
    await assertState(it.host, before, 'without a start');
    await it.hooks.succeed('bridge', 'start');
    await it.hooks.succeed('bridge', 'stop');
    await it.hooks.succeed('bridge', 'stop');
    await assertState(it.host, before, 'stopped twice');
  });

  test('started twice is started once', async t => {
    const it = await scene(t);
    await configure(it, 'IPADDRS=192.0.2.3/24\n');
    const before = await state(it.host);
    await it.hooks.succeed('bridge', 'start');
    const started = await state(it.host);
    await it.hooks.succeed('bridge', 'start');
    assert.deepEqual((await state(it.host))['routes'], started['routes']);
    await it.hooks.succeed('bridge', 'stop');
    await assertState(it.host, before, 'after stop');
  });

  test('is stopped when its configuration is gone', async t => {
    const it = await scene(t);
    await configure(it);
    const before = await state(it.host);
    await it.hooks.succeed('bridge', 'start');
    rmSync(join(it.hooks.path, 'bridge.conf'));
    await it.hooks.succeed('bridge', 'stop');
    await assertState(it.host, before, 'after stop');
  });

  test('waits for a card that comes late', async t => {
    const it = await scene(t);
    const { host, hooks } = it;
    const before = await state(host);
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES="02:00:00:00:00:AF"\n');
    const start = hooks.spawn('bridge', 'start');
    await eventually('the hook waits', () => start.pid > 0);
    await output(host, 'ip', 'link', 'add', 'late0', 'address', '02:00:00:00:00:af', 'type', 'veth');
    assert.equal((await start.waitForExit()).code, 0, start.stderr);
    assert.equal((await linkOf(host, 'late0'))?.['master'], 'br0');
    await hooks.succeed('bridge', 'stop');
    await output(host, 'ip', 'link', 'delete', 'late0');
    await assertState(host, before, 'after stop');
  });

  test('goes on without a card that does not come, and says so', async t => {
    const it = await scene(t);
    const { host, hooks } = it;
    const before = await state(host);
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES="02:00:00:00:00:af eth0"\n');
    assert.match(
      await hooks.fail('bridge', 'start', { DELAY: '0.2' }),
      /no interface 02:00:00:00:00:af after 0\.2 s/,
    );
    assert.ok(await isUp(host, 'br0'));
    // The card may be there at the next try.
    await hooks.fail('bridge', 'start', { DELAY: '0' });
    await hooks.succeed('bridge', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('leaves a card up that somebody has given an address meanwhile', async t => {
    const it = await scene(t);
    await configure(it);
    await it.hooks.succeed('bridge', 'start');
    await output(it.host, 'ip', 'address', 'add', '203.0.113.5/24', 'dev', 'eth1');
    await it.hooks.succeed('bridge', 'stop');
    assert.ok(await isUp(it.host, 'eth1'));
    assert.ok(!(await isUp(it.host, 'eth0')));
  });

  test('comes to nothing when a card vanishes, without an error', async t => {
    const it = await scene(t);
    await configure(it);
    await it.hooks.succeed('bridge', 'start');
    await it.host.interfaces[1]?.remove();
    await it.hooks.succeed('bridge', 'stop');
    assert.equal(await linkOf(it.host, 'br0'), undefined);
    assert.ok(!(await isUp(it.host, 'eth0')));
  });

  test('changes nothing when it cannot write down what it does', async t => {
    const it = await scene(t);
    await configure(it);
    const before = await state(it.host);
    const start = it.host.spawn(
      'sh',
      [
        '-c',
        `mount -t tmpfs -o size=4k,nr_inodes=4 none /run
      head -c 4096 /dev/zero >/run/full; exec "$@"`,
        'sh',
        join(it.hooks.path, 'bridge'),
        'start',
      ],
      {
        env: { MANDOSNETHOOKDIR: it.hooks.path, DELAY: '20' },
      },
    );
    assert.notEqual((await start.waitForExit()).code, 0);
    assert.match(start.stderr, /mandos-hook bridge: cannot write .*: nothing more is changed/);
    assert.deepEqual((await state(it.host))['links'], before['links']);
  });

  test('keeps its state where only root can see it', async t => {
    const it = await scene(t);
    await configure(it);
    await it.hooks.succeed('bridge', 'start');
    const mode = await output(it.host, 'stat', '-c', '%a', `/run/${STATE}`);
    assert.equal(mode, '700\n');
  });
});
