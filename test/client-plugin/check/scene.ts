import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { check } from '../../../client-plugin/check/check.js';
import type { AskServer } from '../../../client-plugin/check/check.js';
import type { Finding } from '../../../client-plugin/check/finding.js';
import { HostFiles } from '../../../client-plugin/check/host-files.js';
import { readHost } from '../../../client-plugin/check/host.js';
import { packTree } from './archive.js';
import { elfFile } from './elf-file.js';

export const RELEASE = '6.1.0-50-amd64';
const LOADER = '/lib64/ld-linux-x86-64.so.2';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';
const NODE = {
  needed: ['libc.so.6'],
  interpreter: LOADER,
  buildId: 'abcd',
  text: '/download/release/v20.20.2/',
};

/** The launcher of the programs, below its first line. */
const LAUNCHER = "require('./boot.cjs');\n";

// What others than root may read is looked at.
process.umask(0o022);

/** A system and the image that it makes, both in scratch directories. */
export interface Scene {
  /** The system's root. */
  readonly host: string;
  /** What goes into the image. */
  readonly tree: string;
  readonly image: string;
}

/** Puts a file, with its directories. */
export function put(root: string, path: string, content: string | Buffer, mode = 0o644): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
}

export function link(root: string, path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
}

/**
 * A machine with one network card, a hook, a plugin and keys, and what its image has.
 * @param keys a directory of mandos-keygen's
 */
export function makeScene(t: Pick<TestContext, 'after'>, keys: string): Scene {
  const base = mkdtempSync(join(tmpdir(), 'check-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const [host, tree] = [join(base, 'host'), join(base, 'tree')];
  makeHost(host, keys);
  makeTree(host, tree);
  return { host, tree, image: join(host, `boot/initrd.img-${RELEASE}`) };
}

function makeHost(host: string, keys: string): void {
  cpSync(keys, join(host, 'etc/keys/mandos'), { recursive: true });
  put(host, 'etc/mandos/plugin-runner.conf', '# none\n');
  put(
    host,
    'etc/mandos/network-hooks.d/bridge',
    '#!/bin/sh\n[ $1 = modules ] && echo bridge\n[ $1 = files ] && echo /usr/sbin/ip\ntrue\n',
    0o755,
  );
  put(host, 'etc/mandos/network-hooks.d/bridge.conf', 'BRIDGE=br0\n');
  put(host, 'etc/mandos/plugins.d/token', '#!/bin/sh\n', 0o755);
  put(host, 'etc/mandos/plugins.d/README', 'no plugin\n');
  put(host, 'usr/bin/node', elfFile(NODE), 0o755);
  for (const name of ['boot.cjs', 'openpgp.cjs', 'tools.cjs'])
    put(host, `${LIBRARIES}/mandos/${name}`, 'program');
  put(host, `${LIBRARIES}/mandos/mandos-boot`, `#!/usr/local/bin/node\n${LAUNCHER}`, 0o755);
  put(host, `${LIBRARIES}/mandos/koffi.node`, elfFile({ needed: ['libc.so.6', 'libm.so.6'] }));
  for (const stage of ['init-premount', 'init-bottom'])
    put(host, `usr/share/initramfs-tools/scripts/${stage}/mandos`, `#!/bin/sh\n# ${stage}\n`, 0o755);
  put(host, `boot/vmlinuz-${RELEASE}`, 'kernel');
  put(host, `lib/modules/${RELEASE}/modules.builtin`, 'kernel/net/ipv6/ipv6.ko\n');
  put(
    host,
    `lib/modules/${RELEASE}/modules.dep`,
    'kernel/net/virtio_net.ko.xz: kernel/net/failover.ko.xz\nkernel/net/failover.ko.xz:\n',
  );
  const pci = 'sys/devices/pci0000:00/0000:00:03.0';
  mkdirSync(join(host, `${pci}/virtio2/net/eth0`), { recursive: true });
  for (const module of ['virtio_net', 'virtio_pci'])
    mkdirSync(join(host, `sys/module/${module}`), { recursive: true });
  link(host, 'sys/bus/virtio_net/module', '../../module/virtio_net');
  link(host, 'sys/bus/virtio_pci/module', '../../module/virtio_pci');
  link(host, `${pci}/virtio2/driver`, '../../../../bus/virtio_net');
  link(host, `${pci}/driver`, '../../../bus/virtio_pci');
  link(host, `${pci}/virtio2/net/eth0/device`, '../..');
  link(host, 'sys/class/net/eth0', '../../devices/pci0000:00/0000:00:03.0/virtio2/net/eth0');
  mkdirSync(join(host, 'sys/devices/virtual/net/lo'), { recursive: true });
  link(host, 'sys/class/net/lo', '../../devices/virtual/net/lo');
  put(host, 'proc/cmdline', 'BOOT_IMAGE=/vmlinuz root=/dev/mapper/root\n');
  put(host, 'etc/default/grub', '# mandos=off is for emergencies\nGRUB_CMDLINE_LINUX="quiet"\n');
}

function makeTree(host: string, tree: string): void {
  mkdirSync(join(tree, 'usr/lib'), { recursive: true });
  link(tree, 'lib', 'usr/lib');
  link(tree, 'lib64', 'usr/lib64');
  const copy = (from: string, to: string, mode: number) => {
    mkdirSync(dirname(join(tree, to)), { recursive: true });
    copyFileSync(join(host, from), join(tree, to));
    chmodSync(join(tree, to), mode);
  };
  for (const name of readdirSync(join(host, 'etc/keys/mandos')))
    copy(`etc/keys/mandos/${name}`, `conf/conf.d/mandos/${name}`, 0o400);
  copy('etc/mandos/plugin-runner.conf', 'conf/conf.d/mandos/plugin-runner.conf', 0o600);
  copy('etc/mandos/network-hooks.d/bridge', 'usr/lib/mandos/network-hooks.d/bridge', 0o755);
  copy('etc/mandos/network-hooks.d/bridge.conf', 'usr/lib/mandos/network-hooks.d/bridge.conf', 0o644);
  copy('etc/mandos/plugins.d/token', 'usr/lib/mandos/plugins.d/token', 0o755);
  for (const name of ['boot.cjs', 'openpgp.cjs', 'koffi.node'])
    copy(`${LIBRARIES}/mandos/${name}`, `usr/lib/mandos/${name}`, 0o644);
  put(tree, 'usr/lib/mandos/mandos-boot', `#!/usr/bin/node\n${LAUNCHER}`, 0o755);
  for (const name of ['mandos-to-cryptroot-unlock', 'plugin-runner'])
    link(tree, `usr/lib/mandos/${name}`, 'mandos-boot');
  link(tree, 'usr/lib/mandos/plugins.d/mandos-client', '../mandos-boot');
  copy('usr/bin/node', 'usr/bin/node', 0o755);
  put(tree, 'usr/lib64/ld-linux-x86-64.so.2', elfFile({}), 0o755);
  put(tree, `${LIBRARIES}/libc.so.6`, elfFile({}));
  put(tree, `${LIBRARIES}/libm.so.6`, elfFile({ needed: ['libc.so.6'] }));
  put(
    tree,
    `${LIBRARIES}/libgnutls.so.30.34.3`,
    elfFile({ needed: ['libnettle.so.8'], versions: ['GNUTLS_3_4', 'GNUTLS_3_6_6'] }),
  );
  link(tree, `${LIBRARIES}/libgnutls.so.30`, 'libgnutls.so.30.34.3');
  put(tree, `${LIBRARIES}/libnettle.so.8`, elfFile({ needed: ['libc.so.6'] }));
  for (const stage of ['init-premount', 'init-bottom']) {
    copy(`usr/share/initramfs-tools/scripts/${stage}/mandos`, `scripts/${stage}/mandos`, 0o755);
    put(tree, `scripts/${stage}/ORDER`, `/scripts/${stage}/mandos "$@"\n`);
  }
  put(tree, 'usr/sbin/ip', elfFile({}), 0o755);
  put(tree, 'cryptroot/crypttab', 'root UUID=00000000-0000-4000-8000-000000000001 none luks,initramfs\n');
  put(tree, 'usr/lib/cryptsetup/askpass', elfFile({}), 0o755);
  for (const name of ['net/virtio_net.ko.xz', 'net/failover.ko.xz', 'pci/virtio-pci.ko', 'bridge.ko.zst'])
    put(tree, `usr/lib/modules/${RELEASE}/kernel/${name}`, 'module');
}

/** Makes the image of what is in the tree. */
export function pack({ tree, image }: Scene): void {
  rmSync(image, { force: true });
  writeFileSync(image, gzipSync(packTree(tree), { level: 1 }), { mode: 0o600 });
}

/** What the check says of the scene: of the image, then of the system. */
export async function findings(
  { host }: Scene,
  options: {
    readonly nowMs?: number;
    readonly ask?: AskServer;
    readonly images?: readonly string[];
    readonly all?: boolean;
  } = {},
): Promise<Finding[]> {
  const { images = [], all = false, nowMs = Date.now(), ask } = options;
  const parts = await check({ images, all }, await readHost(new HostFiles(host), RELEASE), nowMs, ask);
  return parts.flatMap(part => part.findings);
}
