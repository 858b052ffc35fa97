import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { UPDATE, MODULES, makeKeys, remove, putInTree, putOnHost, configured, testCases } from './cases.js';
import { put } from './scene.js';

const KEYS = await makeKeys();

testCases(KEYS, [
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
]);
