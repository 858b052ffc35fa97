import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { scratchDirectory } from '../support/loopback.js';

const SCRIPT = join(import.meta.dirname, '../../../packaging/debian/keep-configuration.sh');

function createScene(t: TestContext) {
  const directory = scratchDirectory(t);
  const file = join(directory, 'clients.conf');
  const run = (command: string) => {
    const env = { ...process.env, DPKG_MAINTSCRIPT_PACKAGE: 'mandos-ts' };
    const { status, stderr } = spawnSync('sh', ['-ec', `. ${SCRIPT}\n${command}`], { env, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stderr;
  };
  return {
    file,
    preinst: (action: 'install' | 'upgrade', text = 'shipped') =>
      run(`ACTION=${action}; keep ${file} no-such-package <<END\n${text}\nEND`),
    putBack: () => run(`put_back ${file}`),
    read: (suffix = '') => readFileSync(`${file}${suffix}`, 'utf8'),
    write: (text: string) => writeFileSync(file, text),
    files: () => readdirSync(directory).toSorted(),
  };
}

test('an edited file makes room while the package is installed', t => {
  const { preinst, putBack, read, write, files } = createScene(t);
  write('old');
  preinst('install');
  assert.equal(read(), 'shipped\n');
  assert.equal(putBack(), '');
  assert.equal(read(), 'old');
  assert.deepEqual(files(), ['clients.conf']);
  // Once it is installed, dpkg asks.
  preinst('upgrade');
  assert.deepEqual(files(), ['clients.conf']);
  assert.equal(read(), 'old');
});

test('what is written in its place meanwhile stays, and what was there before is beside it', t => {
  const { preinst, putBack, read, write, files } = createScene(t);
  for (const [old, edit] of [
    ['old', 'new'],
    ['newer', 'newest'],
  ] as const) {
    write(old);
    preinst('install');
    write(edit);
    preinst('install');
    assert.equal(read(), edit);
    assert.match(
      putBack(),
      /clients\.conf was edited during the installation, and stays so;\nwhat .*mandos-kept$/m,
    );
    assert.equal(read(), edit);
    assert.equal(read('.mandos-kept'), old);
  }
  assert.equal(read('.mandos-kept.~1~'), 'old');
  assert.equal(putBack(), '', 'it is said once');
  assert.deepEqual(files(), ['clients.conf', 'clients.conf.mandos-kept', 'clients.conf.mandos-kept.~1~']);
});

test('an installation that was interrupted goes on with another version', t => {
  const { preinst, putBack, read, write, files } = createScene(t);
  write('old');
  preinst('install', 'version 1');
  preinst('upgrade', 'version 2');
  assert.equal(read(), 'version 2\n');
  assert.equal(putBack(), '');
  assert.equal(read(), 'old');
  assert.deepEqual(files(), ['clients.conf']);
});

test('a file whose place is empty, and one that is a link, come back', t => {
  const { file, preinst, putBack, read, write, files } = createScene(t);
  write('old');
  preinst('install');
  rmSync(file);
  preinst('install');
  rmSync(file);
  assert.equal(putBack(), '');
  assert.equal(read(), 'old');
  rmSync(file);
  symlinkSync('elsewhere', file);
  writeFileSync(join(file, '../elsewhere'), 'in the link');
  preinst('install');
  assert.equal(read(), 'shipped\n');
  putBack();
  assert.equal(read(), 'in the link');
  assert.deepEqual(files(), ['clients.conf', 'elsewhere']);
});
