import assert from 'node:assert/strict';
import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findHooks } from '../../../server/alerts/find-hooks.js';
import { scratchDirectory } from '../../support/loopback.js';
import { requires } from '../../support/requires.js';
import { hookDirectory } from './scene.js';

const UID = process.geteuid?.() ?? 0;

test('an executable is the hook', async t => {
  const { hook } = hookDirectory(t);
  const path = hook('tell.sh', '');
  assert.deepEqual(await findHooks(path, UID), { hooks: [path], problems: [] });
});

test('of a directory, what run-parts would run is run, in order', async t => {
  const { directory, hook } = hookDirectory(t);
  const [last, first, linked] = ['b_2', '10-a', 'c'].map(name => join(directory, name));
  hook('b_2', '');
  hook('10-a', '');
  symlinkSync('/bin/true', join(directory, 'c'));
  for (const name of ['a.sh', 'a~', '.hidden', 'a.dpkg-dist']) hook(name, '');
  mkdirSync(join(directory, 'd'));
  assert.deepEqual(await findHooks(directory, UID), { hooks: [first, last, linked], problems: [] });
});

test('what cannot be run is said to be so, with what to do', async t => {
  const { directory, hook } = hookDirectory(t);
  const absent = join(directory, 'absent');
  const said = async (path: string) => {
    const { hooks, problems } = await findHooks(path, UID);
    assert.deepEqual(hooks, []);
    assert.equal(problems.length, 1);
    assert.match(problems[0] ?? '', /^on_event: /);
    return problems[0] ?? '';
  };
  assert.match(await said(absent), /absent: no such file or directory/);
  assert.match(await said('/dev/null'), /not a file/);
  const path = hook('plain', '');
  chmodSync(path, 0o644);
  assert.match(await said(path), /plain cannot be executed by the user .* \(chmod \+x\)/);
  chmodSync(path, 0o775);
  assert.match(await said(path), /plain can be written by others .* \(chmod go-w\)/);
  assert.match(await said(scratchDirectory(t)), /has no hooks in it/);
});

test('one bad hook does not keep the others from being run', async t => {
  const { directory, hook } = hookDirectory(t);
  const good = hook('good', '');
  chmodSync(hook('bad', ''), 0o757);
  writeFileSync(join(directory, 'README'), 'text');
  symlinkSync('/nonexistent', join(directory, 'gone'));
  const { hooks, problems } = await findHooks(directory, UID);
  assert.deepEqual(hooks, [good]);
  assert.equal(problems.length, 3);
});

test('a file or directory that others can write is not run; one hook may be in a directory with the sticky bit', async t => {
  const { directory, hook } = hookDirectory(t);
  const path = hook('hook', '');
  chmodSync(directory, 0o777);
  assert.match((await findHooks(directory, UID)).problems[0] ?? '', /can be written by others/);
  assert.match((await findHooks(path, UID)).problems[0] ?? '', /can be written by others/);
  chmodSync(directory, 0o1777);
  assert.deepEqual((await findHooks(path, UID)).hooks, [path]);
  // Others can add hooks of their own to it.
  assert.match((await findHooks(directory, UID)).problems[0] ?? '', /can be written by others/);
  chmodSync(path, 0o1777);
  assert.match((await findHooks(path, UID)).problems[0] ?? '', /hook can be written by others/);
});

test("another user's link is not run, whatever it leads to", requires('root'), async t => {
  const { directory, hook } = hookDirectory(t);
  const path = join(directory, 'link');
  symlinkSync(hook('hook.sh', ''), path);
  assert.deepEqual((await findHooks(directory, 0)).hooks, [path]);
  lchownSync(path, 12_345, 0);
  for (const from of [directory, path]) {
    const { hooks, problems } = await findHooks(from, 0);
    assert.deepEqual(hooks, []);
    assert.match(problems[0] ?? '', /link belongs neither to root nor/);
  }
  const toDirectory = join(directory, 'all');
  symlinkSync('.', toDirectory);
  lchownSync(toDirectory, 12_345, 0);
  assert.match((await findHooks(toDirectory, 0)).problems[0] ?? '', /all belongs neither to root nor/);
});

test('a hook that belongs to another user than root and the server is not run', requires('root'), async t => {
  const { directory, hook } = hookDirectory(t);
  const path = hook('hook', '');
  chownSync(path, 12_345, 0);
  const { hooks, problems } = await findHooks(directory, 0);
  assert.deepEqual(hooks, []);
  assert.match(problems[0] ?? '', /belongs neither to root nor/);
  assert.deepEqual((await findHooks(directory, 12_345)).hooks, [path]);
});
