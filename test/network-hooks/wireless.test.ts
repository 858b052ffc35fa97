import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Cleanup } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { assertSurvivesKills, countedPrograms } from './killed.js';
import {
  assertReaches,
  assertState,
  hardwareAddress,
  HookDirectory,
  isUp,
  needing,
  output,
  processes,
  SHELLS,
  state,
} from './scene.js';

// There is no radio here. wpa_supplicant also logs in to wired networks (IEEE 802.1X), and hostapd is the switch: the
// same programs, control sockets, states and interfaces, but for nl80211 and the air.
const NEEDS = needing('wpa_supplicant', 'hostapd', 'dash', 'busybox', 'fping');

async function scene(t: Cleanup, shell: readonly string[] = []) {
  const lan = await createLan(t);
  const host = await lan.host('host', { up: false });
  const peer = await lan.host('peer', { addresses: { 0: ['192.0.2.1/24'] } });
  // A bridge does not let IEEE 802.1X through unless it is told to.
  execFileSync('ip', `-n ${lan.switchNamespace} link set br0 type bridge group_fwd_mask 8`.split(' '));
  writeFileSync(join(lan.directory, 'users'), '"mandos" MD5 "secret passphrase"\n');
  const hostapdConf = join(lan.directory, 'hostapd.conf');
  writeFileSync(
    hostapdConf,
    `interface=eth0
driver=wired
logger_stdout=-1
logger_stdout_level=0
ieee8021x=1
eap_server=1
eap_user_file=${join(lan.directory, 'users')}
`,
  );
  const startPeer = async () => {
    const child = peer.spawn('hostapd', [hostapdConf]);
    await child.waitForOutput(/AP-ENABLED/);
  };
  const hooks = new HookDirectory(lan, host, shell);
  const conf = (passphrase = 'secret passphrase') => `MODULE_0=iwlwifi # Intel
WPA_DRIVER_0=wired
wpa_interface_0(){
    "$wpa_cli" -p "$CTRLDIR" -i "$INTERFACE" ap_scan 0 >/dev/null
    wpa_cli_set key_mgmt IEEE8021X
    wpa_cli_set eapol_flags 0
    wpa_cli_set eap MD5
    wpa_cli_set identity '"mandos"'
    wpa_cli_set password '"${passphrase}"'
}
IPADDRS_0="192.0.2.2/24 2001:DB8::2/64"
ROUTES_0=198.51.100.0/24
`;
  const address = `ADDRESS_0=${(await hardwareAddress(host, 'eth0')).toUpperCase()}\n`;
  return { lan, host, startPeer, hooks, conf, address };
}

describe('wireless', NEEDS, () => {
  for (const shell of SHELLS) {
    test(`a network is joined and left, and nothing stays (${shell.join(' ')})`, async t => {
      const { host, hooks, conf, address, startPeer } = await scene(t, shell);
      await startPeer();
      hooks.write('wireless.conf', address + conf());
      const before = await state(host);
      await hooks.succeed('wireless', 'start');
      await assertReaches(host, '192.0.2.1');
      assert.match(await output(host, 'ip', 'route'), /^198\.51\.100\.0\/24 dev eth0/m);
      await hooks.succeed('wireless', 'start');
      assert.equal(processes(host).length, 1, 'started twice is started once');
      await hooks.succeed('wireless', 'stop');
      await assertState(host, before, 'after stop');
      assert.deepEqual(processes(host), []);
    });
  }

  test('leaves nothing when it is killed in between', async t => {
    const { hooks, conf, address, startPeer } = await scene(t);
    await startPeer();
    const counted = countedPrograms(hooks, ['ip', 'wpa_cli', 'wpa_supplicant']);
    hooks.write('wireless.conf', counted + address + conf());
    await assertSurvivesKills(hooks, 'wireless', ['late']);
  });

  test('leaves up what was up before, with its addresses', async t => {
    const { host, hooks, conf, address, startPeer } = await scene(t);
    await startPeer();
    await host.interfaces[0]?.up();
    await host.interfaces[0]?.waitForLinkLocal();
    await output(host, 'ip', ...'address add 192.0.2.2/24 dev eth0'.split(' '));
    hooks.write('wireless.conf', address + conf());
    const before = await state(host);
    await hooks.succeed('wireless', 'start');
    await hooks.succeed('wireless', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('says that there is no connection, and goes on trying', async t => {
    const { host, hooks, conf, address, startPeer } = await scene(t);
    await startPeer();
    hooks.write('wireless.conf', `${address}${conf('wrong')}DELAY_0=0.5\n`);
    const before = await state(host);
    assert.match(await hooks.fail('wireless', 'start'), /eth0 is not connected after 0\.5 s/);
    assert.equal(processes(host).length, 1);
    assert.ok(await isUp(host, 'eth0'));
    await hooks.succeed('wireless', 'stop');
    await assertState(host, before, 'after stop');
    assert.deepEqual(processes(host), []);
  });

  test('says which setting is refused, but not its value', async t => {
    const { hooks, conf, address, startPeer } = await scene(t);
    await startPeer();
    hooks.write('wireless.conf', address + conf().replace('wpa_cli_set eap MD5', 'wpa_cli_set psk short'));
    const { stderr } = await hooks.run('wireless', 'start', { DELAY: '0' });
    assert.match(stderr, /^mandos-hook wireless: eth0: wpa_supplicant refuses "psk": FAIL$/m);
    assert.doesNotMatch(stderr, /short/);
    await hooks.succeed('wireless', 'stop');
  });

  test('says that a card is not there', async t => {
    const { host, hooks, conf } = await scene(t);
    const before = await state(host);
    hooks.write('wireless.conf', `ADDRESS_0=02:00:00:00:00:01\n${conf()}`);
    assert.match(
      await hooks.fail('wireless', 'start', { DELAY: '0.1' }),
      /no interface 02:00:00:00:00:01 after 0\.1/,
    );
    await hooks.succeed('wireless', 'stop');
    await assertState(host, before, 'after stop');
  });

  test('does nothing for another interface', async t => {
    const { host, hooks, conf, address } = await scene(t);
    hooks.write('wireless.conf', address + conf());
    const before = await state(host);
    await hooks.succeed('wireless', 'start', { DEVICE: 'eth9,wlan0' });
    assert.deepEqual(await hooks.succeed('wireless', 'modules', { DEVICE: 'eth9' }), []);
    await assertState(host, before, 'after start');
  });

  test('prints wpa_supplicant, the driver, and what encrypts', async t => {
    const { hooks, conf, address } = await scene(t);
    hooks.write('wireless.conf', address + conf());
    const files = await hooks.succeed('wireless', 'files');
    for (const program of ['wpa_supplicant', 'wpa_cli', 'ip']) {
      assert.ok(
        files.some(file => file.endsWith(`/${program}`)),
        `${program} in ${files.join(' ')}`,
      );
    }
    const modules = await hooks.succeed('wireless', 'modules');
    for (const module of ['af_packet', 'ccm', 'iwlwifi']) assert.ok(modules.includes(module), module);
  });
});
