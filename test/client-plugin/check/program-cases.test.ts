import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UPDATE, LIBRARIES, MODULES, makeKeys, remove, putInTree, putOnHost, testCases } from './cases.js';
import { elfFile } from './elf-file.js';
import { put, RELEASE } from './scene.js';
import type { Scene } from './scene.js';

const KEYS = await makeKeys();

testCases(KEYS, [
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
]);

/** Another node, on the system and in the image. */
function node(parts: { needed?: string[]; text: string }) {
  return ({ host, tree }: Scene) => {
    const needed = ['libc.so.6', ...(parts.needed ?? [])];
    for (const root of [host, tree])
      put(root, 'usr/bin/node', elfFile({ ...parts, needed, buildId: 'abcd' }), 0o755);
  };
}
