import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Finding, Level } from '../../../client-plugin/check/finding.js';
import { requires } from '../../support/requires.js';
import { keygen, keygenSucceeds, temporaryDirectory, valueOf } from '../keygen/keygen.js';
import { elfFile } from './elf-file.js';
import { findings, link, makeScene, pack, put, RELEASE } from './scene.js';
import type { Scene } from './scene.js';

const file = { after };
const [KEYS, OTHER] = [temporaryDirectory(file), temporaryDirectory(file)];
await Promise.all([KEYS, OTHER].map(directory => keygenSucceeds('-d', directory, '-x', '2030-01-01')));

const UPDATE = `run "update-initramfs -u -k ${RELEASE}"`;
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
const MODULES = `usr/lib/modules/${RELEASE}/kernel`;

const problems = (all: readonly Finding[]) => all.filter(({ level }) => level !== 'ok');

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

interface Case {
  readonly name: string;
  /** Changes the system or what goes into the image. */
  readonly change: (scene: Scene) => void;
  /** Changes the image's file. */
  readonly changeImage?: (scene: Scene) => void;
  readonly check: string;
  readonly level: Level;
  readonly says: string | RegExp;
}

const remove = (path: string) => (scene: Scene) => rmSync(join(scene.tree, path));
const putInTree = (path: string, content: string | Buffer, mode?: number) => (scene: Scene) =>
  put(scene.tree, path, content, mode);
const putOnHost = (path: string, content: string | Buffer, mode?: number) => (scene: Scene) =>
  put(scene.host, path, content, mode);
const nothing = () => {};

const CASES: readonly Case[] = [
  {
    name: 'an image that others can read',
    change: nothing,
    changeImage: ({ image }) => chmodSync(image, 0o644),
    check: 'image',
    level: 'FAIL',
    says: /^its mode is 0644, so that others than root can read the private keys in it: run "chmod 0600 /,
  },
  {
    name: 'a missing key',
    change: remove('conf/conf.d/mandos/seckey.txt'),
    check: 'keys',
    level: 'FAIL',
    says: `the image has no seckey.txt in /conf/conf.d/mandos: ${UPDATE}`,
  },
  {
    name: 'keys that have been made anew since',
    change: ({ host }) => {
      for (const name of ['seckey.txt', 'pubkey.txt', 'tls-privkey.pem', 'tls-pubkey.pem']) {
        rmSync(join(host, 'etc/keys/mandos', name));
        copyFileSync(join(OTHER, name), join(host, 'etc/keys/mandos', name));
      }
    },
    check: 'keys',
    level: 'FAIL',
    says: `the image has another seckey.txt, pubkey.txt, tls-privkey.pem, tls-pubkey.pem than /etc/keys/mandos: ${UPDATE}, and see that the server has the new key_id and secret`,
  },
  {
    name: 'keys that every process could read',
    change: ({ tree }) => chmodSync(join(tree, 'conf/conf.d/mandos/tls-privkey.pem'), 0o444),
    check: 'keys',
    level: 'warning',
    says: `tls-privkey.pem can be read by every process in the initramfs: ${UPDATE}`,
  },
  {
    name: "the half of another's key pair",
    change: ({ tree, host }) => {
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')])
        replace(join(directory, 'tls-pubkey.pem'), join(OTHER, 'tls-pubkey.pem'));
    },
    check: 'TLS key',
    level: 'FAIL',
    says: /^the image's \/etc\/keys\/mandos\/tls-pubkey\.pem does not belong to \/etc\/keys\/mandos\/tls-privkey\.pem: .*"mandos-keygen --force", then run/,
  },
  {
    name: 'a damaged OpenPGP key',
    change: ({ tree, host }) => {
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')]) {
        const key = join(directory, 'seckey.txt');
        const text = readFileSync(key, 'utf8').split('\n');
        rmSync(key);
        writeFileSync(key, [...text.slice(0, 6), ...text.slice(8)].join('\n'));
        chmodSync(key, 0o400);
      }
    },
    check: 'OpenPGP key',
    level: 'FAIL',
    says: /^the image's \/etc\/keys\/mandos\/seckey\.txt is not an OpenPGP secret key/,
  },
  {
    name: 'a public OpenPGP key of others',
    change: ({ tree, host }) => {
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')])
        replace(join(directory, 'pubkey.txt'), join(OTHER, 'pubkey.txt'));
    },
    check: 'OpenPGP key',
    level: 'warning',
    says: /pubkey\.txt does not belong to .*seckey\.txt/,
  },
  {
    name: 'another plugin-runner.conf',
    change: putOnHost('etc/mandos/plugin-runner.conf', '--disable=plymouth\n'),
    check: 'configuration',
    level: 'FAIL',
    says: `/etc/mandos/plugin-runner.conf is not as in the image, which has an older state: ${UPDATE}`,
  },
  {
    name: 'options that mandos-client refuses',
    change: configured('--options-for=mandos-client:--conect=192.0.2.1:4711,--debug\n'),
    check: 'configuration',
    level: 'FAIL',
    says: /^mandos-client does not start with what \/etc\/mandos\/plugin-runner\.conf of the image tells it \(unknown option '--conect'/,
  },
  {
    name: 'words that the plugin runner does not know',
    change: configured('--disable=plymouth --dissable=x\n'),
    check: 'configuration',
    level: 'warning',
    says: /^\/etc\/mandos\/plugin-runner\.conf of the image, line 1: "--dissable=x" is ignored: unknown option/,
  },
  {
    name: 'a client that is disabled',
    change: configured('--disable=mandos-client\n'),
    check: 'configuration',
    level: 'FAIL',
    says: `/etc/mandos/plugin-runner.conf of the image disables mandos-client: take --disable out, then ${UPDATE}`,
  },
  {
    name: 'a network hook that is not in the image',
    change: putOnHost('etc/mandos/network-hooks.d/vlan', '#!/bin/sh\n', 0o755),
    check: 'network hooks',
    level: 'FAIL',
    says: `/etc/mandos/network-hooks.d/vlan is not in the image: ${UPDATE}`,
  },
  {
    name: 'a network hook whose configuration has changed',
    change: putOnHost('etc/mandos/network-hooks.d/bridge.conf', 'BRIDGE=br1\n'),
    check: 'network hooks',
    level: 'FAIL',
    says: `/etc/mandos/network-hooks.d/bridge.conf is not as in the image, which has an older state: ${UPDATE}`,
  },
  {
    name: 'a network hook that was not executable when the image was made',
    change: ({ tree }) => chmodSync(join(tree, 'usr/lib/mandos/network-hooks.d/bridge'), 0o644),
    check: 'network hooks',
    level: 'FAIL',
    says: `/etc/mandos/network-hooks.d/bridge is not executable in the image, and so not used: ${UPDATE}`,
  },
  {
    name: 'a network hook that has been removed since',
    change: putInTree('usr/lib/mandos/network-hooks.d/vlan', '#!/bin/sh\n', 0o755),
    check: 'network hooks',
    level: 'warning',
    says: `the image still has vlan, which this system has not: ${UPDATE}`,
  },
  {
    name: 'a module that a network hook needs',
    change: remove(`${MODULES}/bridge.ko.zst`),
    check: 'network hooks',
    level: 'FAIL',
    says: `bridge needs the modules bridge, which the image has not: ${UPDATE}`,
  },
  {
    name: 'a program that a network hook needs',
    change: remove('usr/sbin/ip'),
    check: 'network hooks',
    level: 'FAIL',
    says: `bridge needs /usr/sbin/ip, which the image has not: ${UPDATE}`,
  },
  {
    name: 'a network hook that fails',
    change: ({ tree, host }) => {
      for (const path of [join(tree, 'usr/lib/mandos'), join(host, 'etc/mandos')])
        put(path, 'network-hooks.d/bridge', '#!/bin/sh\nexit 3\n', 0o755);
    },
    check: 'network hooks',
    level: 'warning',
    says: 'bridge: it ends with status 3 when asked for its files',
  },
  {
    name: 'a plugin that has changed',
    change: putOnHost('etc/mandos/plugins.d/token', '#!/bin/sh\ntrue\n', 0o755),
    check: 'plugins',
    level: 'FAIL',
    says: `/etc/mandos/plugins.d/token is not as in the image, which has an older state: ${UPDATE}`,
  },
  {
    name: 'an older version of this package',
    change: putOnHost(`${LIBRARIES}/mandos/boot.cjs`, 'newer program'),
    check: 'programs',
    level: 'warning',
    says: `the image has another version of /${LIBRARIES}/mandos/boot.cjs than is installed: ${UPDATE}`,
  },
  {
    name: 'a part of the programs that is missing',
    change: remove('usr/lib/mandos/openpgp.cjs'),
    check: 'programs',
    level: 'FAIL',
    says: `the image has no /lib/mandos/openpgp.cjs: ${UPDATE}`,
  },
  {
    name: 'a start script that has changed',
    change: putOnHost('usr/share/initramfs-tools/scripts/init-bottom/mandos', '#!/bin/sh\n', 0o755),
    check: 'programs',
    level: 'warning',
    says: /another version of \/usr\/share\/initramfs-tools\/scripts\/init-bottom\/mandos than/,
  },
  {
    name: 'an image without node',
    change: remove('usr/bin/node'),
    check: 'node',
    level: 'FAIL',
    says: `the image has no /usr/bin/node, which runs the client: ${UPDATE}`,
  },
  {
    name: 'a node that is not executable',
    change: ({ tree }) => chmodSync(join(tree, 'usr/bin/node'), 0o644),
    check: 'node',
    level: 'FAIL',
    says: `/usr/bin/node in the image is not executable: ${UPDATE}`,
  },
  {
    name: 'a node that is cut off',
    change: ({ tree }) =>
      put(tree, 'usr/bin/node', readFileSync(join(tree, 'usr/bin/node')).subarray(0, 100), 0o755),
    check: 'node',
    level: 'FAIL',
    says: `/usr/bin/node in the image is damaged, or no program: ${UPDATE}`,
  },
  {
    name: 'a node that is too old',
    change: node({ text: '/download/release/v18.20.4/' }),
    check: 'node',
    level: 'FAIL',
    says: `it is version 18.20.4, and at least 20 is needed: install a newer nodejs, then ${UPDATE}`,
  },
  {
    name: "Debian 12's own node, whose code is in a library",
    change: scene => {
      node({ needed: ['libnode.so.108'], text: '' })(scene);
      put(scene.tree, `${LIBRARIES}/libnode.so.108`, elfFile({}));
    },
    check: 'node',
    level: 'FAIL',
    says: /^it is version older than 20/,
  },
  {
    name: 'another node than is installed',
    change: putOnHost('usr/bin/node', elfFile({ buildId: 'ef01' }), 0o755),
    check: 'node',
    level: 'warning',
    says: `the image has another node than is installed: ${UPDATE}`,
  },
  {
    name: 'a library that is missing',
    change: remove(`${LIBRARIES}/libnettle.so.8`),
    check: 'libraries',
    level: 'FAIL',
    says: `the image has no libnettle.so.8, which /${LIBRARIES}/libgnutls.so.30.34.3 needs: ${UPDATE}`,
  },
  {
    name: 'a library for another processor, which does not count',
    change: putInTree(`${LIBRARIES}/libm.so.6`, elfFile({ machine: 183 })),
    check: 'libraries',
    level: 'FAIL',
    says: `the image has no libm.so.6, which /usr/lib/mandos/koffi.node needs: ${UPDATE}`,
  },
  {
    name: 'a missing dynamic linker',
    change: remove('usr/lib64/ld-linux-x86-64.so.2'),
    check: 'libraries',
    level: 'FAIL',
    says: `the image has no /lib64/ld-linux-x86-64.so.2, which /usr/bin/node needs: ${UPDATE}`,
  },
  {
    name: 'an image without libgnutls',
    change: remove(`${LIBRARIES}/libgnutls.so.30`),
    check: 'libraries',
    level: 'FAIL',
    says: `the image has no libgnutls.so.30: install the package libgnutls30, then ${UPDATE}`,
  },
  {
    name: 'a libgnutls that is too old',
    change: putInTree(`${LIBRARIES}/libgnutls.so.30.34.3`, elfFile({ versions: ['GNUTLS_3_4'] })),
    check: 'libraries',
    level: 'FAIL',
    says: `libgnutls.so.30 in the image is older than 3.6.6: install a newer one, then ${UPDATE}`,
  },
  {
    name: 'a missing driver',
    change: remove(`${MODULES}/net/virtio_net.ko.xz`),
    check: 'modules',
    level: 'FAIL',
    says: `the image has no virtio_net, which eth0 needs: add it to /etc/initramfs-tools/modules, then ${UPDATE}`,
  },
  {
    name: 'a missing driver of the bus',
    change: remove(`${MODULES}/pci/virtio-pci.ko`),
    check: 'modules',
    level: 'FAIL',
    says: /^the image has no virtio_pci, which eth0 needs/,
  },
  {
    name: 'a module that a driver needs',
    change: remove(`${MODULES}/net/failover.ko.xz`),
    check: 'modules',
    level: 'FAIL',
    says: /^the image has no failover, which eth0 needs/,
  },
  {
    name: 'an image without ipv6',
    change: putOnHost(`lib/modules/${RELEASE}/modules.builtin`, 'kernel/other.ko\n'),
    check: 'modules',
    level: 'warning',
    says: /^the image has no ipv6, without which only servers with IPv4 addresses can be reached/,
  },
  {
    name: "another kernel's modules",
    change: ({ tree }) => {
      rmSync(join(tree, 'usr/lib/modules'), { recursive: true });
      put(tree, 'usr/lib/modules/6.1.0-49-amd64/kernel/net/virtio_net.ko', '');
    },
    check: 'modules',
    level: 'FAIL',
    says: `the image has no modules of kernel ${RELEASE}, but those of 6.1.0-49-amd64: ${UPDATE}`,
  },
  {
    name: 'an image that does not start the client',
    change: remove('scripts/init-premount/mandos'),
    check: 'start',
    level: 'FAIL',
    says: `the client is not started at boot, as the image has no /scripts/init-premount/mandos: ${UPDATE}`,
  },
  {
    name: 'a start script that is not called',
    change: putInTree('scripts/init-premount/ORDER', 'other\n'),
    check: 'start',
    level: 'FAIL',
    says: /\/scripts\/init-premount\/ORDER without mandos/,
  },
  {
    name: 'programs that are not executable',
    change: ({ tree }) => chmodSync(join(tree, 'usr/lib/mandos/mandos-boot'), 0o644),
    check: 'start',
    level: 'FAIL',
    says: /\/lib\/mandos\/mandos-to-cryptroot-unlock that is not executable, \/lib\/mandos\/plugins\.d\/mandos-client that is not/,
  },
  {
    name: 'an empty launcher of the programs',
    change: putInTree('usr/lib/mandos/mandos-boot', '', 0o755),
    check: 'start',
    level: 'FAIL',
    says: /\/lib\/mandos\/mandos-to-cryptroot-unlock that is empty, \/lib\/mandos\/plugins\.d\/mandos-client that is empty/,
  },
  {
    name: 'a launcher that is cut off',
    change: putInTree('usr/lib/mandos/mandos-boot', '#!/usr/bin/node\nreq', 0o755),
    check: 'programs',
    level: 'FAIL',
    says: `/lib/mandos/mandos-boot in the image is damaged: ${UPDATE}`,
  },
  {
    name: 'a launcher that names no interpreter, where nothing tells what is installed',
    change: scene => {
      rmSync(join(scene.host, `${LIBRARIES}/mandos/mandos-boot`));
      put(scene.tree, 'usr/lib/mandos/mandos-boot', 'node\nrequire\n', 0o755);
    },
    check: 'programs',
    level: 'FAIL',
    says: /mandos-boot in the image is damaged/,
  },
  {
    name: 'a launcher for a node that is not there',
    change: ({ tree }) => {
      const launcher = join(tree, 'usr/lib/mandos/mandos-boot');
      const text = readFileSync(launcher, 'utf8').replace('/usr/bin/node', '/opt/node');
      put(tree, 'usr/lib/mandos/mandos-boot', text, 0o755);
    },
    check: 'programs',
    level: 'FAIL',
    says: `/lib/mandos/mandos-boot in the image is to be run by /opt/node, which is no program in it: ${UPDATE}`,
  },
  {
    name: 'an older launcher, of older programs,',
    change: ({ host, tree }) => {
      put(host, `${LIBRARIES}/mandos/boot.cjs`, 'newer program');
      put(tree, 'usr/lib/mandos/mandos-boot', '#!/usr/bin/node\nolder\n', 0o755);
    },
    check: 'programs',
    level: 'warning',
    says: /boot\.cjs than is installed/,
  },
  {
    name: 'empty programs',
    change: putInTree('usr/lib/mandos/boot.cjs', ''),
    check: 'programs',
    level: 'FAIL',
    says: `the image has no /lib/mandos/boot.cjs: ${UPDATE}`,
  },
  {
    name: 'an empty start script',
    change: scene => {
      for (const [root, path] of [
        [scene.tree, 'scripts'],
        [scene.host, 'usr/share/initramfs-tools/scripts'],
      ] as const)
        put(root, `${path}/init-premount/mandos`, '', 0o755);
    },
    check: 'start',
    level: 'FAIL',
    says: /as the image has \/scripts\/init-premount\/mandos that is empty/,
  },
  {
    name: 'a directory of programs that root alone may enter',
    change: ({ tree }) => chmodSync(join(tree, 'usr/lib/mandos'), 0o700),
    check: 'programs',
    level: 'FAIL',
    says: `the client, which is not root when it has asked a server, cannot read its programs: /usr/lib/mandos has mode 0700: ${UPDATE}`,
  },
  {
    name: 'an image that root alone may enter',
    change: ({ tree }) => chmodSync(tree, 0o700),
    check: 'programs',
    level: 'FAIL',
    says: /cannot read its programs: \/ has mode 0700: run/,
  },
  {
    name: 'a program that root alone may read',
    change: ({ tree }) => chmodSync(join(tree, 'usr/lib/mandos/openpgp.cjs'), 0o600),
    check: 'programs',
    level: 'FAIL',
    says: /cannot read its programs: \/usr\/lib\/mandos\/openpgp\.cjs has mode 0600: run/,
  },
  {
    name: 'a key elsewhere that is not there',
    change: configured('-o mandos-client:--seckey=/conf/conf.d/mandos/x.txt\n'),
    check: 'keys',
    level: 'FAIL',
    says: `/etc/mandos/plugin-runner.conf of the image names /conf/conf.d/mandos/x.txt in place of seckey.txt, and the image has no such file: put it into /etc/keys/mandos, which is /conf/conf.d/mandos in the image, or take the option out, then ${UPDATE}`,
  },
  {
    name: 'TLS keys elsewhere that are not there',
    change: scene => {
      configured(
        '-o mandos-client:--tls-pubkey=/keys/a.pem,--tls-privkey=/conf/conf.d/mandos/tls-privkey.pem\n',
      )(scene);
    },
    check: 'keys',
    level: 'FAIL',
    says: /names \/keys\/a\.pem in place of tls-pubkey\.pem, and the image has no such file/,
  },
  {
    name: 'a key elsewhere that is not the one of the system',
    change: ({ tree, host }) => {
      configured('-o mandos-client:--seckey=/conf/conf.d/mandos/x.txt\n')({ tree, host, image: '' });
      copyFileSync(join(KEYS, 'seckey.txt'), join(tree, 'conf/conf.d/mandos/x.txt'));
      copyFileSync(join(OTHER, 'seckey.txt'), join(host, 'etc/keys/mandos/x.txt'));
    },
    check: 'keys',
    level: 'FAIL',
    says: /^the image has another seckey\.txt than \/etc\/keys\/mandos/,
  },
  {
    name: 'a key elsewhere that is no key',
    change: ({ tree, host }) => {
      configured('-o mandos-client:--seckey=/conf/conf.d/mandos/x.txt\n')({ tree, host, image: '' });
      for (const directory of [join(tree, 'conf/conf.d/mandos'), join(host, 'etc/keys/mandos')])
        writeFileSync(join(directory, 'x.txt'), 'no key', { mode: 0o400 });
    },
    check: 'OpenPGP key',
    level: 'FAIL',
    says: /^the image's \/etc\/keys\/mandos\/x\.txt is not an OpenPGP secret key/,
  },
  {
    name: 'a key that is not where keys are',
    change: scene => {
      configured('-o mandos-client:--seckey=/keys/x.txt\n')(scene);
      for (const root of [scene.tree, scene.host]) put(root, 'keys/x.txt', 'key', 0o400);
    },
    check: 'keys',
    level: 'warning',
    says: '/keys/x.txt is not in /conf/conf.d/mandos, and so not looked into',
  },
  {
    name: 'a directory of plugins that has no client',
    change: configured('--plugin-dir=/lib/mandos/other\n'),
    check: 'configuration',
    level: 'FAIL',
    says: `--plugin-dir of /etc/mandos/plugin-runner.conf names /lib/mandos/other, where the image has no mandos-client: take it out, then ${UPDATE}`,
  },
  {
    name: 'a directory of network hooks that is not there',
    change: configured('-o mandos-client:--network-hook-dir=/etc/nothing\n'),
    check: 'configuration',
    level: 'FAIL',
    says: `--network-hook-dir of /etc/mandos/plugin-runner.conf names /etc/nothing, where the image has nothing, so that bridge in /lib/mandos/network-hooks.d is not run: take it out, then ${UPDATE}`,
  },
  {
    name: 'another directory of network hooks',
    change: scene => {
      configured('-o mandos-client:--network-hook-dir=/lib/hooks\n')(scene);
      put(scene.tree, 'usr/lib/hooks/mine', '#!/bin/sh\n', 0o755);
    },
    check: 'configuration',
    level: 'warning',
    says: /names \/lib\/hooks, so that bridge in \/lib\/mandos\/network-hooks\.d is not run/,
  },
  {
    name: 'an interface that nothing knows',
    change: scene => {
      configured(
        ['eth0', 'eht0', 'br0', 'none', 'bond0']
          .map(name => `-o mandos-client:--interface=${name}\n`)
          .join(''),
      )(scene);
      for (const path of ['etc/mandos', 'usr/lib/mandos'])
        put(
          path === 'etc/mandos' ? scene.host : scene.tree,
          `${path}/network-hooks.d/bridge.conf`,
          '#NAME=eht0\nBRIDGE="br0"\n',
        );
      put(scene.host, 'proc/cmdline', 'root=/dev/mapper/root bond=bond0:eth0\n');
    },
    check: 'configuration',
    level: 'warning',
    says: `--interface of /etc/mandos/plugin-runner.conf names eht0, which is neither a network card of this machine nor in a network hook: correct it, then ${UPDATE}`,
  },
  {
    name: 'an image without askpass',
    change: remove('usr/lib/cryptsetup/askpass'),
    check: 'volumes',
    level: 'FAIL',
    says: /^the image has no \/lib\/cryptsetup\/askpass/,
  },
  {
    name: 'an image that opens nothing',
    change: putInTree('cryptroot/crypttab', '# nothing\n'),
    check: 'volumes',
    level: 'FAIL',
    says: /^the image opens no encrypted volume: add the option "initramfs"/,
  },
  {
    name: 'volumes that are opened otherwise',
    change: putInTree(
      'cryptroot/crypttab',
      'root /dev/sda3 none luks,keyscript=decrypt_derived\ndata /dev/sdb1 /key luks\n',
    ),
    check: 'volumes',
    level: 'warning',
    says: 'nothing asks for a password: root (with decrypt_derived), data (with /key)',
  },
  {
    name: 'a system that was started with mandos=off',
    change: putOnHost('proc/cmdline', 'root=/dev/mapper/root mandos=off quiet\n'),
    check: 'boot parameters',
    level: 'warning',
    says: 'the running system was started with mandos=off: see that the next start is not',
  },
  {
    name: 'a boot loader that gives mandos=off',
    change: putOnHost('etc/default/grub', 'GRUB_CMDLINE_LINUX="mandos=off"\n'),
    check: 'boot parameters',
    level: 'warning',
    says: '/etc/default/grub has mandos=off, so that the client does not run: take it out, then run "update-grub"',
  },
  {
    name: 'a newer kernel without an image',
    change: putOnHost('boot/vmlinuz-6.1.0-100-amd64', ''),
    check: 'kernels',
    level: 'FAIL',
    says: '6.1.0-100-amd64, the newest kernel, has no image, and is what is started by default: run "update-initramfs -c -k 6.1.0-100-amd64"',
  },
  {
    name: 'an older kernel without an image',
    change: putOnHost('boot/vmlinuz-6.1.0-9-amd64', ''),
    check: 'kernels',
    level: 'warning',
    says: '6.1.0-9-amd64 cannot be started with encrypted disks: no image is there',
  },
  {
    name: 'a newer kernel whose image is not looked at',
    change: scene => {
      put(scene.host, 'boot/vmlinuz-6.1.0-100-amd64', '');
      put(scene.host, 'boot/initrd.img-6.1.0-100-amd64', '');
    },
    check: 'kernels',
    level: 'warning',
    says: '6.1.0-100-amd64, the newest kernel, is what is started by default, and its image was not checked: see --all',
  },
];

function replace(file_: string, by: string): void {
  rmSync(file_);
  copyFileSync(by, file_);
}

/** Another configuration, on the system and in the image. */
function configured(text: string) {
  return ({ host, tree }: Scene) => {
    put(host, 'etc/mandos/plugin-runner.conf', text);
    put(tree, 'conf/conf.d/mandos/plugin-runner.conf', text);
  };
}

/** Another node, on the system and in the image. */
function node(parts: { needed?: string[]; text: string }) {
  return ({ host, tree }: Scene) => {
    const needed = ['libc.so.6', ...(parts.needed ?? [])];
    for (const root of [host, tree])
      put(root, 'usr/bin/node', elfFile({ ...parts, needed, buildId: 'abcd' }), 0o755);
  };
}

for (const { name, change, changeImage, check, level, says } of CASES) {
  test(`it says of ${name}, and nothing else`, requires('cpio'), async t => {
    const scene = makeScene(t, KEYS);
    change(scene);
    pack(scene);
    changeImage?.(scene);
    const found = problems(await findings(scene));
    assert.deepEqual(
      found.map(finding => [finding.check, finding.level]),
      [[check, level]],
      JSON.stringify(found, null, 2),
    );
    const message = found[0]?.message ?? '';
    if (typeof says === 'string') assert.equal(message, says);
    else assert.match(message, says);
  });
}

test(
  'a key that expires soon or has expired is said, and still opens the disk',
  requires('cpio'),
  async t => {
    const scene = makeScene(t, KEYS);
    pack(scene);
    const at = async (date: string) => problems(await findings(scene, { nowMs: Date.parse(date) }));
    assert.deepEqual(await at('2029-11-01'), []);
    const [soon, ...more] = await at('2029-12-20');
    assert.equal(soon?.level, 'warning');
    assert.match(soon.message, /^expires on 20(29-12-31|30-01-01); the machine still unlocks itself/);
    assert.deepEqual(more, []);
    assert.match((await at('2030-02-01'))[0]?.message ?? '', /^expired on /);
  },
);

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
