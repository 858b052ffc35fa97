import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Cleanup } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { assertSurvivesKillsAfter, hasBegun } from './killed.js';
import {
  assertReaches,
  assertState,
  eventually,
  filesIn,
  HookDirectory,
  isUp,
  linkOf,
  needing,
  output,
  processes,
  SHELLS,
  sleep,
  state,
} from './scene.js';

const NEEDS = needing('openvpn', 'openssl', 'dash', 'busybox', 'fping');

/** A key and a certificate by it, as PEM, and the fingerprint that the other end knows it by. */
function makeCertificate(directory: string, name: string): string {
  const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.crt`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-noenc', '-days', '2', '-subj', `/CN=${name}`, ...files],
    {
      stdio: 'ignore',
    },
  );
  const shown = ['-in', join(directory, `${name}.crt`), '-noout', '-fingerprint', '-sha256'];
  return execFileSync('openssl', ['x509', ...shown], { encoding: 'utf8' })
    .trim()
    .replace(/.*=/, '');
}

async function scene(t: Cleanup, shell: readonly string[] = []) {
  const lan = await createLan(t);
  const host = await lan.host('host', { addresses: { 0: ['192.0.2.2/24'] } });
  const peer = await lan.host('peer', { addresses: { 0: ['192.0.2.1/24'] } });
  const hooks = new HookDirectory(lan, host, shell);
  const ours = makeCertificate(hooks.path, 'openvpn');
  const theirs = makeCertificate(lan.directory, 'peer');
  const common = ['proto udp', 'dh none', 'verb 3'];
  const conf = [
    ...common,
    'tls-client',
    'dev tun0 # the tunnel',
    'remote 192.0.2.1 1194',
    'ifconfig 10.9.0.2 10.9.0.1',
    'cert "openvpn.crt"',
    'key openvpn.key',
    `peer-fingerprint "${theirs}"`,
    '',
  ].join('\n');
  const startPeer = async () => {
    const words = [
      ...common,
      'tls-server',
      'dev tun0',
      'ifconfig 10.9.0.1 10.9.0.2',
      `cert ${join(lan.directory, 'peer.crt')}`,
      `key ${join(lan.directory, 'peer.key')}`,
      `peer-fingerprint ${ours}`,
    ].flatMap(line => `--${line}`.split(' '));
    const child = peer.spawn('openvpn', words);
    await child.waitForOutput(/UDPv?4? link (?:local|remote)/i);
  };
  return { host, hooks, conf, startPeer };
}

describe('openvpn', NEEDS, () => {
  for (const shell of SHELLS) {
    test(`a tunnel leads to its peer, and leaves nothing (${shell.join(' ')})`, async t => {
      const { host, hooks, conf, startPeer } = await scene(t, shell);
      await startPeer();
      hooks.write('openvpn.conf', conf);
      const before = await state(host);
      await hooks.succeed('openvpn', 'start');
      assert.ok(await isUp(host, 'tun0'), 'start waits for it');
      await assertReaches(host, '10.9.0.1');
      await hooks.succeed('openvpn', 'start');
      assert.equal(processes(host).length, 1, 'started twice is started once');
      await hooks.succeed('openvpn', 'stop');
      await assertState(host, before, 'after stop');
      assert.deepEqual(processes(host), []);
    });
  }

  test('leaves nothing when it is killed in between', async t => {
    const { hooks, conf, startPeer } = await scene(t);
    await startPeer();
    hooks.write('openvpn.conf', conf);
    await assertSurvivesKillsAfter(hooks, 'openvpn', [
      async host => eventually('begun', () => hasBegun(host)),
      async host => eventually('log', () => filesIn(host.runDirectory).some(file => file.endsWith('.log'))),
      async host =>
        eventually('pid file', () => filesIn(host.runDirectory).some(file => file.endsWith('.pid'))),
      async host => eventually('interface', async () => (await linkOf(host, 'tun0')) !== undefined),
      // Moments between these.
      ...[0, 5, 10, 20, 40, 80].map(ms => async () => sleep(ms)),
    ]);
  });

  test('goes on trying when the peer is not there, and is ended all the same', async t => {
    const { host, hooks, conf } = await scene(t);
    hooks.write('openvpn.conf', conf.replace('ifconfig 10.9.0.2 10.9.0.1', 'client'));
    const before = await state(host);
    await hooks.succeed('openvpn', 'start', { DELAY: '0.5' });
    assert.equal(processes(host).length, 1);
    await hooks.succeed('openvpn', 'stop');
    await assertState(host, before, 'after stop');
    assert.deepEqual(processes(host), []);
  });

  test('"dev tun" takes the next number, and those of --interface match', async t => {
    const { host, hooks, conf, startPeer } = await scene(t);
    await startPeer();
    await output(host, 'ip', ...'tuntap add tun0 mode tun'.split(' '));
    hooks.write('openvpn.conf', conf.replace('dev tun0', 'dev tun'));
    const before = await state(host);
    await hooks.succeed('openvpn', 'start', { DEVICE: 'eth0' });
    await assertState(host, before, 'not wanted');
    await hooks.succeed('openvpn', 'start', { DEVICE: 'eth0,tun1' });
    assert.ok(await isUp(host, 'tun1'));
    await hooks.succeed('openvpn', 'stop', { DEVICE: 'eth0,tun1' });
    await assertState(host, before, 'after stop');
  });

  test('leaves an interface alone that was there before', async t => {
    const { host, hooks, conf } = await scene(t);
    await output(host, 'ip', ...'tuntap add tun0 mode tun'.split(' '));
    hooks.write('openvpn.conf', conf);
    const before = await state(host);
    await hooks.succeed('openvpn', 'start');
    assert.deepEqual(processes(host), []);
    await hooks.succeed('openvpn', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('says why openvpn does not run', async t => {
    const { host, hooks, conf } = await scene(t);
    const before = await state(host);
    hooks.write('openvpn.conf', `${conf}nonsense 1\n`);
    assert.match(await hooks.fail('openvpn', 'start'), /openvpn does not start: .*nonsense/);
    hooks.write('openvpn.conf', conf);
    hooks.write('openvpn.key', 'no key');
    assert.match(
      await hooks.fail('openvpn', 'start'),
      /openvpn (?:does not start|has ended): .*openvpn\.key/,
    );
    await hooks.succeed('openvpn', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('prints the files that its configuration names', async t => {
    const { hooks, conf } = await scene(t);
    const outside = join(hooks.path, '..', 'peer.crt');
    hooks.write('openvpn.conf', `${conf}ca "${outside}"\ntls-auth [inline]\n#ca /nowhere\n`);
    const files = await hooks.succeed('openvpn', 'files');
    assert.ok(files.includes('/usr/sbin/openvpn'), files.join(' '));
    assert.ok(files.includes(outside));
    assert.equal(files.length, 3, 'what is in the directory is copied without that');
    assert.deepEqual(await hooks.succeed('openvpn', 'modules'), ['tun']);
    hooks.write('openvpn.conf', `${conf}ca keys/ca.crt\n`);
    assert.match(await hooks.fail('openvpn', 'files'), /put keys\/ca\.crt directly into/);
    hooks.write('openvpn.conf', `${conf}ca gone.crt\n`);
    assert.match(await hooks.fail('openvpn', 'files'), /there is no file .*gone\.crt/);
  });
});
