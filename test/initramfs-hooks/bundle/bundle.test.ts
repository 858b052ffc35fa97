import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeBundle } from '../../../initramfs-hooks/bundle/bundle.js';
import { BOOT_CACHES, BOOT_LINKS } from '../../../initramfs-hooks/bundle/layout.js';
import { makeKeys } from '../../support/programs.js';
import { requires } from '../../support/requires.js';

const ROOT = mkdtempSync(join(tmpdir(), 'bundle-'));
const BUNDLE = join(ROOT, 'bundle');
/** As an image has it. */
const INSTALLED = join(ROOT, 'image/lib/mandos');
let inputs: Record<string, string[]> = {};

/** Runs a program with nothing in its environment. */
function run(file: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', env: {}, cwd: '/' });
  return { status, stdout, stderr };
}

before(async () => {
  const bundles = await makeBundle(BUNDLE);
  inputs = Object.fromEntries(
    Object.entries(bundles).map(([name, file]) => [name, Object.keys(file.inputs)]),
  );
  const install = [
    join(BUNDLE, 'mandos-initramfs'),
    'install-bundle',
    INSTALLED,
    `--node=${process.execPath}`,
  ];
  // The umask of mkinitramfs(8).
  execFileSync('sh', ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, ...install], { env: {} });
});
after(() => rmSync(ROOT, { recursive: true, force: true }));

test('nothing of the server, the monitors or the tests is in a bundle, and each library is in one', () => {
  for (const [name, files] of Object.entries(inputs)) {
    const folders = new Set(files.map(file => file.split('/', 1)[0]));
    for (const folder of ['server', 'monitor', 'test', 'demo'])
      assert.ok(!folders.has(folder), `${folder} in ${name}`);
  }
  assert.ok(inputs['boot']?.includes('client-plugin/run-client.ts'));
  const libraries = (name: string) => inputs[name]?.filter(file => file.startsWith('node_modules/'));
  assert.deepEqual(
    libraries('boot')?.filter(file => /openpgp|koffi/.test(file)),
    [],
  );
  assert.deepEqual(libraries('openpgp')?.length, 1);
});

test('everybody may run what is installed, whatever the umask was', () => {
  const modes = Object.fromEntries(
    [
      '',
      'mandos-boot',
      'boot.cjs',
      'openpgp.cjs',
      'koffi.node',
      'plugins.d',
      'plugin-helpers',
      ...BOOT_CACHES,
    ].map(name => [name, (statSync(join(INSTALLED, name)).mode & 0o7777).toString(8)]),
  );
  assert.deepEqual(modes, {
    '': '755',
    'mandos-boot': '755',
    'boot.cjs': '644',
    'openpgp.cjs': '644',
    'koffi.node': '644',
    'plugins.d': '755',
    'plugin-helpers': '755',
    'boot.cache': '644',
    'openpgp.cache': '644',
  });
});

test('each program runs by the link of its name, with an empty environment', () => {
  for (const [name, link] of Object.entries(BOOT_LINKS)) {
    assert.match(readlinkSync(join(INSTALLED, link)), /^(\.\.\/)?mandos-boot$/);
    const { status, stdout, stderr } = run(join(INSTALLED, link), '--version', '--debug');
    assert.match(stdout, new RegExp(`^${name} \\d`));
    assert.deepEqual([status, stderr], [0, ''], name);
  }
  assert.match(run(join(INSTALLED, 'mandos-boot'), 'mandos-client', '--version').stdout, /^mandos-client \d/);
  const nobody = run(join(INSTALLED, 'mandos-boot'));
  assert.equal(nobody.status, 64);
  assert.match(nobody.stderr, /name the program to run, .*: plugin-runner, /);
  for (const tool of ['mandos-keygen', 'mandos-initramfs'])
    assert.match(run(process.execPath, join(BUNDLE, tool), '--version').stdout, new RegExp(`^${tool} \\d`));
});

test('the code cache fits wherever the directory is, and what does not fit is left alone', () => {
  const moved = join(ROOT, 'elsewhere');
  cpSync(INSTALLED, moved, { recursive: true, verbatimSymlinks: true });
  const start = () => run(join(moved, 'plugin-runner'), '--usage', '--debug');
  const [usual] = [start()];
  assert.deepEqual([usual.status, usual.stderr], [0, '']);
  // Another version of V8 writes another hash at its head.
  const cache = join(moved, 'boot.cache');
  const bytes = readFileSync(cache);
  bytes.fill(0xff, 0, 16);
  for (const damage of [
    () => writeFileSync(cache, bytes),
    () => truncateSync(cache, 1000),
    () => truncateSync(cache, 0),
  ]) {
    damage();
    const damaged = start();
    assert.deepEqual([damaged.status, damaged.stdout], [0, usual.stdout]);
    assert.match(damaged.stderr, /^mandos-boot: .*boot\.cache is for another node than v.*\n$/);
    assert.equal(run(join(moved, 'plugin-runner'), '--usage').stderr, '');
  }
  rmSync(cache);
  assert.deepEqual(start(), usual);
});

test('install-bundle goes on without a node to compile with, and says what it cannot do', () => {
  const target = join(ROOT, 'other/lib/mandos');
  const install = (...args: string[]) =>
    run(process.execPath, join(BUNDLE, 'mandos-initramfs'), 'install-bundle', ...args);
  const without = install(target, '--node=/nonexistent/node');
  assert.equal(without.status, 0);
  assert.equal(
    without.stderr,
    `mandos-initramfs: warning: the programs in ${target} will start more slowly, as they could not be compiled by /nonexistent/node: no such file or directory\n`,
  );
  assert.match(readFileSync(join(target, 'mandos-boot'), 'utf8'), /^#!\/nonexistent\/node\n/);
  assert.ok(!existsSync(join(target, 'boot.cache')));
  writeFileSync(join(target, 'plugins.d/of-the-user'), '');
  assert.deepEqual(install(target, `--node=${process.execPath}`), { status: 0, stdout: '', stderr: '' });
  assert.ok(existsSync(join(target, 'boot.cache')) && existsSync(join(target, 'plugins.d/of-the-user')));
  assert.deepEqual(install('/proc/mandos'), {
    status: 1,
    stdout: '',
    stderr: 'mandos-initramfs: error: cannot put the programs into /proc/mandos: no such file or directory\n',
  });
  assert.equal(install().status, 64);
});

/** Shared libraries of programs and libraries (ldd(1)). */
function librariesOf(...files: string[]): string[] {
  const text = files.map(file => execFileSync('ldd', [file], { encoding: 'utf8' })).join('');
  return [...new Set([...text.matchAll(/(\/\S+) \(0x/g)].map(([, file = '']) => file))];
}

test(
  'node, its libraries and GnuTLS are all that it needs; what is missing is named in one line',
  requires('root', 'unshare'),
  async t => {
    const image = join(ROOT, 'image');
    const gnutls =
      /=> (\S*libgnutls\.so\.30)$/m.exec(execFileSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }))?.[1] ??
      '';
    const files = [
      process.execPath,
      gnutls,
      ...librariesOf(process.execPath, gnutls, join(BUNDLE, 'koffi.node')),
    ];
    for (const file of files) {
      mkdirSync(dirname(image + file), { recursive: true });
      copyFileSync(file, image + file);
    }
    const { keys } = await makeKeys(ROOT, 'client1', 'password');
    cpSync(keys, join(image, 'keys'), { recursive: true });
    const client = (limitSeconds: number) => {
      const args = ['seckey.txt', 'tls-privkey.pem', 'tls-pubkey.pem'].map(
        name => `--${name.replace(/\.\w+$/, '')}=/keys/${name}`,
      );
      const inside = [
        'chroot',
        image,
        '/lib/mandos/plugins.d/mandos-client',
        ...args,
        '--connect=127.0.0.1:1',
      ];
      // In a network of its own, where nobody answers and everything is down.
      return spawnSync('unshare', ['--net', 'timeout', '--signal=TERM', String(limitSeconds), ...inside], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] },
      });
    };
    const library = (name: string) =>
      image + (files.find(file => file.includes(`/${name}.so`)) ?? assert.fail(name));
    for (const [file, message] of [
      [
        gnutls && image + gnutls,
        /error: cannot load libgnutls\.so\.30 \(.*cannot open shared object file.*\): install/,
      ],
      [
        library('libp11-kit'),
        /error: cannot load libgnutls\.so\.30 \(.*libp11-kit\.so\.0: cannot open .*\): install/,
      ],
      [library('libstdc++'), /error while loading shared libraries: libstdc\+\+\.so\.6: cannot open/],
      [join(INSTALLED, 'koffi.node'), /error: cannot start: .*koffi\.node/],
      [join(INSTALLED, 'boot.cjs'), /cannot start: cannot read \/lib\/mandos\/boot\.cjs \(ENOENT\)/],
      [join(INSTALLED, 'openpgp.cjs'), /error: cannot read \/lib\/mandos\/openpgp\.cjs \(ENOENT\)/],
    ] as const) {
      renameSync(file, `${file}.away`);
      const { status, stderr } = client(60);
      renameSync(`${file}.away`, file);
      assert.match(stderr, message);
      assert.notEqual(status, 124, file);
      assert.equal(stderr.split('\n').filter(line => /error|cannot start/.test(line)).length, 1, stderr);
    }
    // With all of it, it goes on trying.
    const { status, stderr } = client(5);
    assert.equal(status, 124, stderr);
    t.diagnostic(
      Object.entries(inputs)
        .map(([name]) => `${name}.cjs: ${statSync(join(BUNDLE, `${name}.cjs`)).size} bytes`)
        .join(', '),
    );
  },
);
