import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { replaceDescriptor, tryLockFile } from '../../common/libc-process.js';
import { requires } from '../support/requires.js';

const MODULE = JSON.stringify(new URL('../../common/libc-process.js', import.meta.url).href);

/** What a module given as text writes, run by a user who is not root. */
function runUnprivileged(text: string): string {
  const user = ['--reuid=64321', '--regid=64321', '--clear-groups'];
  const node = [process.execPath, '--input-type=module', '-e', text];
  return execFileSync('setpriv', [...user, ...node], { encoding: 'utf8' });
}

test('a process that forbids dumps is closed to others of its user', requires('root', 'setpriv'), () => {
  const text = `import { statSync } from 'node:fs';
    import { execFileSync } from 'node:child_process';
    import { forbidDumps } from ${MODULE};
    const look = () => [
      statSync('/proc/self/environ').uid,
      execFileSync('/bin/sh', ['-c', 'cat /proc/$PPID/environ >/dev/null 2>&1; echo $?'], { encoding: 'utf8' }).trim(),
    ].join();
    const before = look();
    forbidDumps();
    process.stdout.write(before + ' ' + look());`;
  assert.equal(runUnprivileged(text), '64321,0 0,1');
});

test('a capability that is not permitted is an error with its name', requires('root', 'setpriv'), () => {
  const text = `import { CAP_DAC_READ_SEARCH, setCapabilities } from ${MODULE};
    setCapabilities(0, 0);
    try { setCapabilities(0, CAP_DAC_READ_SEARCH); } catch (error) { process.stdout.write(error.message); }`;
  assert.equal(runUnprivileged(text), 'capset: operation not permitted');
});

test('a file is locked once, until its descriptor is closed', t => {
  const directory = mkdtempSync(join(tmpdir(), 'libc-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [first, second] = [openSync(join(directory, 'a'), 'w'), openSync(join(directory, 'a'), 'w')];
  assert.equal(tryLockFile(first), true);
  assert.equal(tryLockFile(second), false);
  closeSync(first);
  assert.equal(tryLockFile(second), true);
  closeSync(second);
  assert.throws(() => tryLockFile(second), { code: 'SYSTEM_CALL', message: 'flock: bad file descriptor' });
});

test('a descriptor is replaced by another', t => {
  const directory = mkdtempSync(join(tmpdir(), 'libc-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [a, b] = [openSync(join(directory, 'a'), 'w'), openSync(join(directory, 'b'), 'w')];
  replaceDescriptor(a, b);
  closeSync(a);
  writeSync(b, 'text');
  closeSync(b);
  assert.equal(readFileSync(join(directory, 'a'), 'utf8'), 'text');
  assert.equal(readFileSync(join(directory, 'b'), 'utf8'), '');
  assert.throws(() => replaceDescriptor(a, b), { code: 'SYSTEM_CALL', message: 'dup2: bad file descriptor' });
});
