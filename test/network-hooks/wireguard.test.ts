import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Cleanup, Host, Lan } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { assertSurvivesKills, countedPrograms } from './killed.js';
import {
  assertReaches,
  assertState,
  eventually,
  HookDirectory,
  linkOf,
  needing,
  output,
  processes,
  SHELLS,
  state,
} from './scene.js';

// This machine's kernel may have no WireGuard: the tunnels are made by wireguard-go, which is one of the hook's ways.
// The kernel's own is used in in-guest.sh.
const NEEDS = needing('wg', 'wireguard-go', 'dash', 'busybox', 'fping');

interface Keys {
  readonly privateKey: string;
  readonly publicKey: string;
}

async function makeKeys(host: Host): Promise<Keys> {
  const privateKey = await output(host, 'wg', 'genkey');
  const { stdout } = await host.run('wg', ['pubkey'], { input: privateKey });
  return { privateKey, publicKey: stdout.trim() };
}

/** The other end, made with wg(8) alone. */
async function startPeer(lan: Lan, keys: Keys, allowed: Keys): Promise<Host> {
  const peer = await lan.host('peer', { addresses: { 0: ['192.0.2.1/24'] } });
  const tunnel = peer.spawn('wireguard-go', ['-f', 'wg0']);
  await eventually('wireguard-go listens', async () => {
    assert.ok(tunnel.pid > 0);
    return (await peer.run('wg', ['show', 'wg0'])).code === 0;
  });
  const keyFile = join(lan.directory, 'peer.key');
  writeFileSync(keyFile, keys.privateKey, { mode: 0o600 });
  await output(
    peer,
    'wg',
    ...`set wg0 private-key ${keyFile} listen-port 51820 peer ${allowed.publicKey}`.split(' '),
    ...'allowed-ips 10.9.0.2/32,fe80::2/128'.split(' '),
  );
  await output(peer, 'ip', ...'address add 10.9.0.1/24 dev wg0'.split(' '));
  await output(peer, 'ip', ...'link set wg0 up'.split(' '));
  await output(peer, 'ip', ...'address add fe80::1/64 dev wg0'.split(' '));
  return peer;
}

async function scene(t: Cleanup, shell: readonly string[] = []) {
  const lan = await createLan(t);
  const host = await lan.host('host', { addresses: { 0: ['192.0.2.2/24'] } });
  const keys = await makeKeys(host);
  const peerKeys = await makeKeys(host);
  const peer = await startPeer(lan, peerKeys, keys);
  const hooks = new HookDirectory(lan, host, shell);
  hooks.write('wireguard.key', keys.privateKey);
  const conf = `NAME=wg0
PRIVATE_KEY=wireguard.key
PEER=${peerKeys.publicKey}
ENDPOINT=192.0.2.1:51820
IPADDRS="10.9.0.2/24 fe80::2/64"
ROUTES=198.51.100.0/24
KEEPALIVE=1
USERSPACE=wireguard-go
`;
  return { lan, host, peer, hooks, conf };
}

describe('wireguard', NEEDS, () => {
  for (const shell of SHELLS) {
    test(`a tunnel leads to its peer, and leaves nothing (${shell.join(' ')})`, async t => {
      const { host, hooks, conf } = await scene(t, shell);
      hooks.write('wireguard.conf', conf);
      const before = await state(host);
      await hooks.succeed('wireguard', 'start');
      await assertReaches(host, '10.9.0.1');
      await assertReaches(host, 'fe80::1%wg0');
      assert.match(await output(host, 'ip', 'route'), /^198\.51\.100\.0\/24 dev wg0/m);
      await hooks.succeed('wireguard', 'start');
      assert.equal(processes(host).length, 1, 'started twice is started once');
      await hooks.succeed('wireguard', 'stop');
      await assertState(host, before, 'after stop');
      assert.deepEqual(processes(host), []);
    });
  }

  test('leaves nothing when it is killed in between', async t => {
    const { host, hooks, conf } = await scene(t);
    hooks.write('wireguard.conf', countedPrograms(hooks, ['ip', 'wg', 'wireguard-go']) + conf);
    const before = await state(host);
    await assertSurvivesKills(hooks, 'wireguard');
    await assertState(host, before, 'at the end');
  });

  test('several tunnels: those of --interface', async t => {
    const { host, hooks, conf } = await scene(t);
    const second = conf
      .replaceAll(/^([A-Z_]+)=/gm, '$1_1=')
      .replace('wg0', 'wg1')
      .replaceAll('10.9.0', '10.9.1')
      .replace('198.51.100', '203.0.113');
    hooks.write(
      'wireguard.conf',
      conf.replaceAll(/^([A-Z_]+)=/gm, '$1_0=') + second.replace('NAME_1', '  NAME_1'),
    );
    const before = await state(host);
    await hooks.succeed('wireguard', 'start', { DEVICE: 'eth0,wg1' });
    assert.equal(await linkOf(host, 'wg0'), undefined);
    assert.ok(await linkOf(host, 'wg1'));
    await hooks.succeed('wireguard', 'stop', { DEVICE: 'eth0,wg1' });
    await assertState(host, before, 'after stop');
    await hooks.succeed('wireguard', 'start');
    assert.ok(await linkOf(host, 'wg0'));
    assert.ok(await linkOf(host, 'wg1'));
    await hooks.succeed('wireguard', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('leaves an interface alone that was there before', async t => {
    const { host, hooks, conf } = await scene(t);
    await output(host, 'ip', ...'link add wg0 type bridge'.split(' '));
    hooks.write('wireguard.conf', conf);
    const before = await state(host);
    await hooks.succeed('wireguard', 'start');
    assert.deepEqual((await state(host))['links'], before['links']);
    await hooks.succeed('wireguard', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('says what is wrong with its settings, without the keys', async t => {
    const { host, hooks, conf } = await scene(t);
    const before = await state(host);
    const wrong: [RegExp | string, string, RegExp][] = [
      [/^PEER=.*$/m, '', /wireguard\.conf: PEER is missing/],
      [/^ENDPOINT=.*$/m, 'ENDPOINT=vpn.example:51820', /ENDPOINT is not ADDRESS:PORT/],
      [/^ENDPOINT=.*$/m, 'ENDPOINT=192.0.2.1', /ENDPOINT is not ADDRESS:PORT/],
      ['wireguard.key', 'other.key', /there is no file .*\/other\.key/],
      ['NAME=wg0', 'NAME=a/b', /NAME is not the name of an interface: 'a\/b'/],
    ];
    for (const [from, to, message] of wrong) {
      hooks.write('wireguard.conf', conf.replace(from, to));
      assert.match(await hooks.fail('wireguard', 'start'), message);
      await hooks.succeed('wireguard', 'stop');
      await assertState(host, before, 'after stop');
    }
    hooks.write('wireguard.conf', conf);
    hooks.write('wireguard.key', 'this is secret and no key\n');
    const said = await hooks.fail('wireguard', 'start');
    assert.doesNotMatch(said, /secret/);
    await hooks.succeed('wireguard', 'stop');
    await assertState(host, before, 'after stop');
  });
});
