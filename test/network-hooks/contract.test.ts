import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Cleanup } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import {
  assertState,
  HOOK_NAMES,
  HookDirectory,
  HOOKS,
  isExecutable,
  isUp,
  linkOf,
  needing,
  output,
  SHELLS,
  state,
} from './scene.js';

const NEEDS = needing('dash', 'busybox', '/usr/lib/klibc/bin/sh');
const MODES = ['start', 'files', 'modules', 'stop'] as const;

test('the directory has six hooks that can be run, each with a .conf, and what they share, all named by the rule', () => {
  const names = readdirSync(HOOKS).filter(name => !name.startsWith('.'));
  const executable = names.filter(name => isExecutable(join(HOOKS, name)));
  assert.deepEqual(executable, [...HOOK_NAMES]);
  for (const name of names) assert.match(name, /^[A-Za-z0-9_.-]+$/);
  assert.deepEqual(
    names.filter(name => !isExecutable(join(HOOKS, name))),
    [...HOOK_NAMES.map(name => `${name}.conf`), 'functions.sh'].toSorted(),
  );
});

test('nothing is set in a .conf', () => {
  for (const name of HOOK_NAMES) {
    const lines = readFileSync(join(HOOKS, `${name}.conf`), 'utf8').split('\n');
    assert.deepEqual(
      lines.filter(line => line !== '' && !line.startsWith('#')),
      [],
    );
  }
});

test('shellcheck has nothing to say', needing('shellcheck'), () => {
  for (const name of [...HOOK_NAMES, 'functions.sh']) {
    execFileSync('shellcheck', ['--shell=sh', join(HOOKS, name)], { stdio: 'pipe' });
  }
});

async function scene(t: Cleanup, shell: readonly string[] = []) {
  const lan = await createLan(t, { segments: 2 });
  const host = await lan.host('host', { segments: [0, 1], up: false });
  return { host, hooks: new HookDirectory(lan, host, shell) };
}

describe('all hooks', NEEDS, () => {
  for (const shell of SHELLS) {
    test(`do nothing without settings or a .conf (${shell.join(' ')})`, async t => {
      const { host, hooks } = await scene(t, shell);
      const before = await state(host);
      for (const name of HOOK_NAMES) {
        for (const mode of MODES) assert.deepEqual(await hooks.succeed(name, mode), []);
        rmSync(join(hooks.path, `${name}.conf`));
        for (const mode of MODES) assert.deepEqual(await hooks.succeed(name, mode), []);
      }
      assert.deepEqual(await state(host), before);
    });

    test(`a .conf that is no shell script is named (${shell.join(' ')})`, async t => {
      const { host, hooks } = await scene(t, shell);
      const before = await state(host);
      hooks.write('vlan.conf', 'NAME=eth0.5\nPARENT="eth0\n');
      for (const mode of ['start', 'files'] as const) {
        const { code, stderr } = await hooks.run('vlan', mode);
        assert.notEqual(code, 0);
        assert.match(stderr, /^mandos-hook vlan: .*\/vlan\.conf cannot be read/m);
      }
      await hooks.succeed('vlan', 'stop');
      assert.deepEqual(await state(host), before);
    });
  }

  test('take the mode from MODE too, and say what they want without one', async t => {
    const { host, hooks } = await scene(t);
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES=eth0\n');
    const hook = join(hooks.path, 'bridge');
    const env = { MANDOSNETHOOKDIR: hooks.path };
    assert.equal((await host.run(hook, [], { env: { ...env, MODE: 'modules' } })).stdout, 'bridge\n');
    const { code, stderr } = await host.run(hook, [], { env });
    assert.equal(code, 64);
    assert.match(stderr, /start, stop, files, modules/);
  });

  test('a hook under another name has a .conf and a state of its own', async t => {
    const { host, hooks } = await scene(t);
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES=eth0\n');
    hooks.write('zz-bridge.conf', 'BRIDGE=br1\nPORT_ADDRESSES=eth1\n');
    hooks.write('zz-bridge', readFileSync(join(HOOKS, 'bridge'), 'utf8'), 0o755);
    const before = await state(host);
    await hooks.succeed('bridge', 'start');
    await hooks.succeed('zz-bridge', 'start');
    await hooks.succeed('bridge', 'stop');
    assert.ok(await isUp(host, 'br1'));
    assert.equal(await linkOf(host, 'br0'), undefined);
    await hooks.succeed('zz-bridge', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('say that the file they share is missing', async t => {
    const { hooks } = await scene(t);
    rmSync(join(hooks.path, 'functions.sh'));
    for (const name of HOOK_NAMES) assert.match(await hooks.fail(name, 'start'), /functions\.sh is missing/);
  });

  test('DEVICE without the interface: nothing to do', async t => {
    const { host, hooks } = await scene(t);
    const before = await state(host);
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES=eth0\n');
    hooks.write('vlan.conf', 'NAME=eth0.5\nPARENT=eth0\nID=5\n');
    hooks.write('bond.conf', 'NAME=bond0\nSLAVES="eth0 eth1"\n');
    for (const name of ['bridge', 'vlan', 'bond']) {
      for (const mode of MODES) {
        assert.deepEqual(await hooks.succeed(name, mode, { DEVICE: 'br00,eth0,none,bond' }), []);
      }
    }
    await assertState(host, before, 'after stop');
    for (const [name, module] of [
      ['bridge', 'bridge'],
      ['vlan', '8021q'],
      ['bond', 'bonding'],
    ] as const) {
      assert.deepEqual(await hooks.succeed(name, 'modules', { DEVICE: 'eth0,br0,eth0.5,bond0' }), [module]);
      const [ip, ...others] = await hooks.succeed(name, 'files');
      assert.match(ip ?? '', /^\/.*\/ip$/);
      assert.deepEqual(others, []);
    }
  });

  test('VERBOSITY=1 tells each step', async t => {
    const { hooks } = await scene(t);
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES=eth0\n');
    const { stderr } = await hooks.run('bridge', 'start', { VERBOSITY: '1' });
    assert.match(stderr, /^mandos-hook bridge: .*ip link add name br0/m);
    assert.match((await hooks.run('bridge', 'stop', { VERBOSITY: '1' })).stderr, /undo: link br0/);
  });

  test('an address by DHCP takes its packet socket along', async t => {
    const { hooks } = await scene(t);
    hooks.write('bridge.conf', 'BRIDGE=br0\nPORT_ADDRESSES=eth0\nIPADDRS=dhcp\n');
    assert.deepEqual(await hooks.succeed('bridge', 'modules'), ['bridge', 'af_packet']);
  });
});

// Neither can be made by this machine's kernel: in-guest.sh makes them in a virtual machine.
describe('vlan and bond', NEEDS, () => {
  test('say what is missing or wrong in their settings', async t => {
    const { host, hooks } = await scene(t);
    const before = await state(host);
    const wrong: [string, string, RegExp][] = [
      ['vlan', 'NAME=eth0.5\nID=5\n', /vlan\.conf: PARENT is missing/],
      ['vlan', 'NAME_1=eth0.5\nPARENT_1=eth0\nID_1=4095\n', /vlan\.conf: ID_1 is not a number .*: '4095'/],
      ['vlan', 'NAME=eth0.5\nPARENT=eth0\nID=\n', /ID is not a number/],
      ['vlan', 'NAME=name-that-is-too-long\nPARENT=eth0\nID=5\n', /NAME is not the name of an interface/],
      ['bond', 'NAME=bond0\n', /bond\.conf: SLAVES is missing/],
    ];
    for (const [name, conf, message] of wrong) {
      hooks.write(`${name}.conf`, conf);
      assert.match(await hooks.fail(name, 'start'), message);
      assert.match(await hooks.fail(name, 'files'), message);
      await hooks.succeed(name, 'stop');
    }
    assert.deepEqual(await state(host), before);
  });

  test('say that a card is not there, and leave an interface alone that was there before', async t => {
    const { host, hooks } = await scene(t);
    await output(host, 'ip', ...'link add eth0.5 type bridge'.split(' '));
    await output(host, 'ip', ...'link add bond0 type bridge'.split(' '));
    const before = await state(host);
    hooks.write('vlan.conf', 'NAME=eth0.6\nPARENT=nope\nID=5\n');
    assert.match(await hooks.fail('vlan', 'start', { DELAY: '0' }), /no interface nope after 0 s/);
    await hooks.succeed('vlan', 'stop');
    hooks.write('bond.conf', 'NAME=bond1\nSLAVES="nope"\n');
    assert.match(await hooks.fail('bond', 'start', { DELAY: '.1' }), /no interface nope after \.1 s/);
    await hooks.succeed('bond', 'stop');
    hooks.write('vlan.conf', 'NAME=eth0.5\nPARENT=eth0\nID=5\n');
    hooks.write('bond.conf', 'NAME=bond0\nSLAVES="eth0 eth1"\n');
    for (const name of ['vlan', 'bond']) {
      await hooks.succeed(name, 'start');
      assert.deepEqual((await state(host))['links'], before['links']);
      await hooks.succeed(name, 'stop');
      await assertState(host, before, name);
    }
  });
});
