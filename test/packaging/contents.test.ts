import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { requires } from '../support/requires.js';
import { buildPackages, removePackages } from './packages.js';

const NEEDS = requires('dpkg-deb', 'lintian', 'strip');
const ROOT = join(import.meta.dirname, '../../..');

const packages = 'skip' in NEEDS ? undefined : buildPackages();
after(() => packages && removePackages(packages));

const list = (file: string) => execFileSync('dpkg-deb', ['--contents', file], { encoding: 'utf8' });

/** Modes of files and directories, by path. */
function modes(file: string): Map<string, string> {
  const lines = list(file).trimEnd().split('\n');
  return new Map(lines.map(line => [line.replace(/^.* \d\d:\d\d \./, ''), line.slice(0, 10)]));
}

test('lintian finds no error in the packages', NEEDS, t => {
  assert.ok(packages);
  // It leaves files of its own behind.
  const scratch = mkdtempSync(join(tmpdir(), 'lintian-'));
  t.after(() => rmSync(scratch, { recursive: true }));
  const env = { ...process.env, TMPDIR: scratch };
  for (const file of [packages.server, packages.client]) {
    const { status, stdout, stderr } = spawnSync('lintian', ['--allow-root', '--fail-on=error', file], {
      encoding: 'utf8',
      env,
    });
    assert.equal(status, 0, stdout + stderr);
  }
});

test('the same source makes the same packages, whatever umask, time zone and directory', NEEDS, () => {
  assert.ok(packages);
  const before = process.umask(0o077);
  const again = buildPackages([], { TZ: 'Asia/Tokyo', LC_ALL: 'C' });
  process.umask(before);
  try {
    for (const name of ['server', 'client'] as const) {
      assert.ok(readFileSync(packages[name]).equals(readFileSync(again[name])), name);
    }
  } finally {
    removePackages(again);
  }
});

test('nothing in the packages knows the machine that they were made on', NEEDS, t => {
  assert.ok(packages);
  const directory = join(packages.directory, 'unpacked');
  t.after(() => execFileSync('rm', ['-rf', directory]));
  for (const file of [packages.server, packages.client]) {
    execFileSync('dpkg-deb', ['--raw-extract', file, directory]);
    const { stdout }: { stdout: string } = spawnSync(
      'grep',
      ['-rlF', '-e', ROOT, '-e', packages.directory, directory],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(stdout, '');
    execFileSync('rm', ['-rf', directory]);
  }
});

test('secrets can be read by root alone, and everything else by everyone', NEEDS, () => {
  assert.ok(packages);
  const closed: Record<string, string> = {
    '/etc/mandos/clients.conf': '-rw-------',
    '/etc/mandos/clients.d/': 'drwx------',
    '/etc/mandos/plugin-helpers/': 'drwx------',
    '/etc/keys/mandos/': 'drwx------',
    '/var/lib/mandos/': 'drwx------',
  };
  for (const [path, mode] of [...modes(packages.server), ...modes(packages.client)]) {
    const expected = closed[path];
    if (expected !== undefined) assert.equal(mode, expected, path);
    else if (!mode.startsWith('l')) assert.match(mode, /^(?:drwxr-xr-x|-rw[-x]r-[-x]r-[-x])$/, path);
  }
});

test('modules are there as far as programs need them, with their licences', NEEDS, () => {
  assert.ok(packages);
  const paths = [...modes(packages.server).keys()];
  for (const pattern of [
    /\.map$/,
    /\.[cm]?ts$/,
    /musl/,
    /\/README\.md$/,
    /\/test(?:s|\.js)/,
    /\.[ch](?:pp|c)?$/,
  ]) {
    assert.deepEqual(
      paths.filter(path => pattern.test(path)),
      [],
    );
  }
  const used = paths.flatMap(path => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/$/.exec(path)?.[1] ?? []);
  const modules = used.filter(name => !/^@[^/]+$/.test(name));
  for (const name of ['koffi', 'lmdb', 'multicast-dns', 'openpgp', 'blessed', 'prom-client'])
    assert.ok(modules.includes(name), name);
  const copyright = execFileSync(
    'sh',
    [
      '-c',
      `dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/doc/mandos-ts/copyright`,
      'sh',
      packages.server,
    ],
    { encoding: 'utf8' },
  );
  for (const name of modules) assert.ok(copyright.includes(`node_modules/${name}/*\n`), name);
  assert.ok(!modules.includes('typescript') && !modules.includes('esbuild'));
});

test('the audit log is rotated, as docs/audit-log.md says', NEEDS, () => {
  assert.ok(packages);
  const path = '/etc/logrotate.d/mandos-ts';
  const read = (what: string, file: string) =>
    execFileSync(
      'sh',
      ['-c', `dpkg-deb --${what}-tarfile "$1" | tar -xO "$2"`, 'sh', packages.server, file],
      {
        encoding: 'utf8',
      },
    );
  const text = read('fsys', `.${path}`);
  assert.ok(readFileSync(join(ROOT, 'docs/audit-log.md'), 'utf8').includes(`\`\`\`\n${text}\`\`\`\n`));
  assert.ok(
    read('ctrl', './conffiles').split('\n').includes(path),
    'what an administrator makes of it is kept',
  );
});

test('the server has no part of the client in it, and the client none of the server', NEEDS, () => {
  assert.ok(packages);
  assert.doesNotMatch(list(packages.server), /client-plugin|initramfs|keygen/);
  assert.doesNotMatch(list(packages.client), /\/server|systemd\/system\/|dbus/);
});

test('every manual page is in one of the packages', NEEDS, () => {
  assert.ok(packages);
  const paths = [...modes(packages.server).keys(), ...modes(packages.client).keys()];
  for (const name of readdirSync(join(ROOT, 'packaging/man'))) {
    assert.equal(paths.filter(path => path.endsWith(`/${name}.gz`)).length, 1, name);
  }
});

test('scripts for dpkg are shell that shellcheck accepts', requires('shellcheck', 'dpkg-deb', 'strip'), t => {
  assert.ok(packages);
  const directory = join(packages.directory, 'control');
  t.after(() => execFileSync('rm', ['-rf', directory]));
  for (const file of [packages.server, packages.client]) {
    execFileSync('dpkg-deb', ['--control', file, directory]);
    const scripts = readdirSync(directory).filter(name => /^(?:pre|post)/.test(name));
    assert.ok(scripts.length >= 3);
    for (const name of scripts) {
      const script = join(directory, name);
      assert.equal(statSync(script).mode & 0o777, 0o755);
      const { status, stdout } = spawnSync('shellcheck', ['--shell=dash', script], { encoding: 'utf8' });
      assert.equal(status, 0, stdout);
    }
  }
});

const UNIT = join(ROOT, 'packaging/systemd/mandos.service');

/** How much of the system the unit leaves open, as systemd counts it: 0 to 10. A later change should lower it. */
const EXPOSURE = 3;

test('the unit leaves no more open than it has to', requires('systemd-analyze'), () => {
  const { status, stdout } = spawnSync(
    'systemd-analyze',
    ['security', '--offline=true', '--no-pager', `--threshold=${EXPOSURE * 10}`, UNIT],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout.split('\n').at(-2));
});
