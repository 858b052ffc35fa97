import assert from 'node:assert/strict';
import { chownSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { Child } from './support/child.js';
import { scratchDirectory } from './support/loopback.js';
import { requires } from './support/requires.js';

const ROOT = join(import.meta.dirname, '../..');
/** Nobody of Debian: a user without any rights. */
const NOBODY = 65534;

/** The demo as a user without root, in a home of its own. */
function demo(t: TestContext, args: readonly string[]): { child: Child; directory: string } {
  const directory = scratchDirectory(t);
  chownSync(directory, NOBODY, NOBODY);
  const unprivileged = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
  const child = new Child('setpriv', [...unprivileged, ...args], {
    // Not the cache of whoever runs the tests, which npm hands down.
    env: { TMPDIR: directory, HOME: directory, npm_config_cache: join(directory, '.npm') },
  });
  t.after(() => child.stop());
  return { child, directory };
}

test(
  'the demo shows the main job as a user without root, and leaves nothing behind',
  requires('root', 'setpriv', 'netns', 'cryptsetup'),
  async t => {
    const { child, directory } = demo(t, ['bash', join(ROOT, 'demo/run.sh')]);
    const { code } = await child.waitForExit(120_000);
    assert.equal(code, 0, child.tail());
    assert.match(child.stdout, /private network namespace/);
    assert.match(child.stdout, /Zeroconf: advertised as "Mandos"/);
    assert.match(child.stdout, /found server "Mandos" at fe80::1%eth0/);
    assert.match(child.stdout, /the password arrived and is the right one/);
    assert.match(child.stdout, /the LUKS2 container opens with it/);
    assert.match(child.stdout, /unknown key ID/);
    assert.match(child.stdout, /it got nothing/);
    assert.deepEqual(readdirSync(directory), []);
  },
);

test(
  'where namespaces are forbidden the demo runs on loopback and says so',
  requires('root', 'setpriv'),
  async t => {
    const { child, directory } = demo(t, [
      process.execPath,
      join(ROOT, 'dist/demo/demo.js'),
      '--network=loopback',
    ]);
    const { code } = await child.waitForExit(120_000);
    assert.equal(code, 0, child.tail());
    assert.match(child.stdout, /no private network namespaces/);
    assert.match(child.stdout, /the password arrived and is the right one/);
    assert.deepEqual(readdirSync(directory), []);
  },
);

test(
  'the demo installs and builds by itself in a fresh tree',
  requires('root', 'setpriv', 'netns'),
  async t => {
    const { child: probe } = demo(t, ['true']);
    await probe.waitForExit();
    const tree = scratchDirectory(t);
    for (const name of [
      'package.json',
      'package-lock.json',
      '.npmrc',
      'tsconfig.json',
      'common',
      'server',
      'client-plugin',
      'monitor',
      'initramfs-hooks',
      'demo',
      'test',
    ]) {
      cpSync(join(ROOT, name), join(tree, name), { recursive: true });
    }
    chownTree(tree);
    const { child } = demo(t, ['bash', join(tree, 'demo/run.sh')]);
    const { code } = await child.waitForExit(300_000);
    assert.equal(code, 0, child.tail());
    assert.match(
      child.stdout,
      /Installing dependencies[^]*Building[^]*the password arrived and is the right one/,
    );
  },
);

function chownTree(path: string): void {
  chownSync(path, NOBODY, NOBODY);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) chownTree(join(path, entry.name));
    else chownSync(join(path, entry.name), NOBODY, NOBODY);
  }
}
