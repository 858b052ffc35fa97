import { existsSync } from 'node:fs';
import { spawnSync } from 'node:child_process';

/** What a test may need of the machine, and how to tell. */
const NEEDS = {
  root: () => process.getuid?.() === 0,
  /** Leave to make network namespaces, for createLan: root in a container may not have it. */
  netns: () =>
    hasCommand('ip') && hasCommand('unshare') && succeeds('unshare', '--net', '--mount', '--uts', 'true'),
  mandos: () => existsSync('/usr/sbin/mandos'),
  'mandos-client': () => mandosClientTree() !== undefined,
  python3: () => hasCommand('python3'),
  /** The original's mandos-monitor with its library: of the system's Python, which need not be the first in PATH. */
  'mandos-monitor': () =>
    existsSync('/usr/sbin/mandos-monitor') && succeeds('/usr/bin/python3', '-I', '-c', 'import urwid'),
  avahi: () => hasCommand('avahi-daemon'),
  'avahi-browse': () => hasCommand('avahi-browse'),
  dbus: () => hasCommand('dbus-daemon'),
  busctl: () => hasCommand('busctl'),
  strace: () => hasCommand('strace'),
  ip: () => hasCommand('ip'),
  gpg: () => hasCommand('gpg'),
  certtool: () => hasCommand('certtool'),
  cryptsetup: () => hasCommand('cryptsetup'),
  'ssh-keyscan': () => hasCommand('ssh-keyscan'),
  sshd: () => hasCommand('sshd'),
  gcc: () => hasCommand('gcc'),
  'gnutls-dev': () => existsSync('/usr/include/gnutls/gnutls.h'),
  fping: () => hasCommand('fping'),
  tmux: () => hasCommand('tmux'),
  zsh: () => hasCommand('zsh'),
  openssl: () => hasCommand('openssl'),
  setpriv: () => hasCommand('setpriv'),
  unshare: () => hasCommand('unshare'),
  script: () => hasCommand('script'),
  man: () => hasCommand('man'),
  'dpkg-deb': () => hasCommand('dpkg-deb'),
  debootstrap: () => hasCommand('debootstrap'),
  lintian: () => hasCommand('lintian'),
  busybox: () => hasCommand('busybox'),
  shellcheck: () => hasCommand('shellcheck'),
  strip: () => hasCommand('strip'),
  'systemd-analyze': () => hasCommand('systemd-analyze'),
  cpio: () => hasCommand('cpio'),
  zstd: () => hasCommand('zstd'),
  xz: () => hasCommand('xz'),
  lz4: () => hasCommand('lz4'),
  bzip2: () => hasCommand('bzip2'),
  lzop: () => hasCommand('lzop'),
  tun: () => existsSync('/dev/net/tun'),
  prlimit: () => hasCommand('prlimit'),
} as const;
export type Need = keyof typeof NEEDS;

/**
 * Options for a test that needs these: skipped, with the reason, where one is missing. With CI=true nothing is
 * skipped: the test runs and fails.
 */
export function requires(...needs: Need[]): { skip: string } | Record<string, never> {
  if (process.env['CI'] === 'true') return {};
  const missing = needs.filter(need => !NEEDS[need]());
  return missing.length === 0 ? {} : { skip: `needs ${missing.join(', ')}` };
}

/** Whether a program is in PATH or where Debian keeps the administrator's. */
export function hasCommand(name: string): boolean {
  return succeeds('/bin/sh', '-c', 'command -v "$1"', 'sh', name);
}

function succeeds(command: string, ...args: string[]): boolean {
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  return spawnSync(command, args, { stdio: 'ignore', env: { ...process.env, PATH } }).status === 0;
}

/**
 * Where the original's mandos-client package is unpacked (the test runner does that, without installing it), or
 * undefined.
 */
export function mandosClientTree(): string | undefined {
  const tree = process.env['MANDOS_CLIENT_TREE'] ?? '/var/cache/mandos-ts-test/mandos-client';
  return existsSync(`${tree}/usr/sbin/mandos-keygen`) ? tree : undefined;
}
