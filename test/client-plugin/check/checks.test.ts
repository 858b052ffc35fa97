import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
import { keygen, valueOf } from '../keygen/keygen.js';
import { UPDATE, LIBRARIES, MODULES, makeKeys, problems, configured } from './cases.js';
import { elfFile } from './elf-file.js';
import { findings, link, makeScene, pack, put, RELEASE } from './scene.js';

const KEYS = await makeKeys();

test('an image that is all well is said to be', requires('cpio'), async t => {
  const scene = makeScene(t, KEYS);
  pack(scene);
  const all = await findings(scene);
  assert.deepEqual(problems(all), []);
  const said = all.map(({ check, message }) => `${check}: ${message}`);
  const { stdout: section } = await keygen(['-d', KEYS, '-S', '-F', '-'], { input: 'x' });
  const keyId = valueOf(section, 'key_id');
  for (const line of [
    'client: this package is in it',
    'start: the client is started at boot',
    'keys: the same as in /etc/keys/mandos',
    `TLS key: key ID ${keyId}: the server's key_id for this machine has to be the same`,
    'configuration: as in /etc/mandos/plugin-runner.conf',
    'network hooks: 2 files, as in /etc/mandos/network-hooks.d',
    'plugins: 1 file, as in /etc/mandos/plugins.d',
    'programs: as they are installed',
    'node: version 20.20.2',
    'libraries: all that node, koffi.node and libgnutls need are in it',
    `modules: of kernel ${RELEASE}: eth0 (virtio_net), and IPv6`,
    'volumes: the password is for root',
    `kernels: the newest, ${RELEASE}, has an image`,
  ])
    assert.ok(said.includes(line), `${line}\nis not in\n${said.join('\n')}`);
});

test('a network card that the client does not use needs no driver', requires('cpio'), async t => {
  const scene = makeScene(t, KEYS);
  const text = '--options-for=mandos-client:--interface=br0 # by the hook\n';
  put(scene.host, 'etc/mandos/plugin-runner.conf', text);
  put(scene.tree, 'conf/conf.d/mandos/plugin-runner.conf', `--userid=1\n${text}`);
  rmSync(join(scene.tree, `${MODULES}/net/virtio_net.ko.xz`));
  pack(scene);
  assert.deepEqual(problems(await findings(scene)), []);
});

test('what the configuration names and the image has is well', requires('cpio'), async t => {
  const scene = makeScene(t, KEYS);
  configured(
    `--plugin-dir=/lib/mandos/other --userid=0
     -o mandos-client:--seckey=/conf/conf.d/mandos/x.txt,--network-hook-dir=/usr/lib/mandos/network-hooks.d`,
  )(scene);
  link(scene.tree, 'usr/lib/mandos/other/mandos-client', '../mandos-boot');
  for (const directory of [join(scene.tree, 'conf/conf.d/mandos'), join(scene.host, 'etc/keys/mandos')])
    copyFileSync(join(KEYS, 'seckey.txt'), join(directory, 'x.txt'));
  // Who stays root may read it.
  chmodSync(join(scene.tree, 'usr/lib/mandos'), 0o700);
  pack(scene);
  assert.deepEqual(problems(await findings(scene)), []);
});

test("the original's image is said to be that, and what is common is checked", requires('cpio'), async t => {
  const scene = makeScene(t, KEYS);
  rmSync(join(scene.tree, 'usr/lib/mandos'), { recursive: true });
  rmSync(join(scene.tree, 'usr/bin/node'));
  for (const program of ['plugin-runner', 'plugins.d/mandos-client', 'mandos-to-cryptroot-unlock'])
    put(scene.tree, `usr/lib/mandos/${program}`, elfFile({}), 0o755);
  rmSync(join(scene.host, 'etc/mandos'), { recursive: true });
  pack(scene);
  const replaced = problems(await findings(scene));
  assert.deepEqual(
    replaced.map(({ check, message }) => `${check}: ${message}`),
    [`client: made by the original Mandos, which is not what is installed: ${UPDATE}`],
  );
  rmSync(join(scene.host, LIBRARIES, 'mandos'), { recursive: true });
  const all = await findings(scene);
  assert.deepEqual(problems(all), []);
  assert.ok(all.some(({ message }) => message.startsWith('made by the original Mandos')));
});

test("dracut's images are looked at by their units", requires('cpio'), async t => {
  const scene = makeScene(t, KEYS);
  for (const path of ['scripts', 'cryptroot', 'usr/lib/cryptsetup'])
    rmSync(join(scene.tree, path), { recursive: true });
  rmSync(join(scene.tree, 'usr/lib/mandos/plugins.d/token'));
  rmSync(join(scene.tree, 'conf/conf.d/mandos/plugin-runner.conf'));
  put(scene.host, 'etc/mandos/plugin-runner.conf', '-o mandos-client:--retry=5,--debug # comment\n');
  put(scene.tree, 'conf/conf.d/mandos/client-options', 'MANDOS_CONFIGURED_OPTIONS="--retry=5 --debug "\n');
  put(scene.tree, 'usr/lib/dracut/build-parameter.txt', '');
  put(scene.tree, 'etc/crypttab', 'root UUID=1 none luks\n');
  link(scene.tree, 'usr/lib/mandos/password-agent', 'mandos-boot');
  const units = 'usr/lib/systemd/system';
  for (const unit of ['ask-password-mandos.path', 'ask-password-mandos.service']) {
    put(scene.tree, `${units}/${unit}`, '[Unit]\n');
    put(scene.host, `usr/lib/dracut/modules.d/90mandos/${unit}`, '[Unit]\n');
  }
  const said = async () => {
    pack(scene);
    return problems(await findings(scene)).map(
      ({ check, level, message }) => `${level} ${check}: ${message}`,
    );
  };
  const update = `run "dracut --force ${scene.image} ${RELEASE}"`;
  const wanted = 'sysinit.target.wants/ask-password-mandos.path';
  assert.deepEqual(await said(), [
    `FAIL start: the client is not started at boot, as the image has no ${wanted}, which starts it: ${update}`,
  ]);
  link(scene.tree, `etc/systemd/system/${wanted}`, '/usr/lib/systemd/system/ask-password-mandos.path');
  assert.deepEqual(await said(), []);

  put(scene.host, 'etc/mandos/plugin-runner.conf', '-o mandos-client:--retry=6\n');
  put(scene.host, 'usr/lib/dracut/modules.d/90mandos/ask-password-mandos.service', '[Service]\n');
  put(scene.tree, 'conf/conf.d/mandos/client-options', 'MANDOS_CONFIGURED_OPTIONS="--retry=5 --bugs "\n');
  const found = await said();
  assert.match(found[0] ?? '', /^FAIL configuration: .* is not as in the image, which has an older state/);
  assert.match(
    found[1] ?? '',
    /^FAIL configuration: mandos-client does not start with .*unknown option '--bugs'/,
  );
  assert.match(
    found[2] ?? '',
    /^warning programs: the image has another version of .*ask-password-mandos\.service than/,
  );
  assert.equal(found.length, 3);
});

test('all images are checked, the newest kernel first, and leftovers are none', requires('cpio'), async t => {
  const scene = makeScene(t, KEYS);
  pack(scene);
  for (const name of ['initrd.img-6.1.0-100-amd64', `initrd.img-${RELEASE}.bak`, 'initramfs-5.10.0.img'])
    put(scene.host, `boot/${name}`, 'no image');
  const all = await findings(scene, { all: true });
  assert.deepEqual(
    all.flatMap(({ check, level }) => (check === 'image' ? [level] : [])),
    ['FAIL', 'ok', 'FAIL'],
  );
});
