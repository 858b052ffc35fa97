import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { openStateStore } from '../../../server/state/store.js';
import { readStoredFile } from '../../../server/state/stored-file.js';
import type { Child } from '../../support/child.js';
import { requires } from '../../support/requires.js';
import { endIfThere, startStateChild, tell, temporaryDirectory, writerOf } from './scratch.js';

/** A state child with clients stored, and where its file is. */
async function startWithState(t: TestContext): Promise<{ child: Child; directory: string; path: string }> {
  const directory = join(temporaryDirectory(t), 'state');
  const child = startStateChild(t, directory);
  await tell(child, 'write 30 before', /stored before/);
  return { child, directory, path: join(directory, 'clients.mdb') };
}

function hostsIn(path: string): (string | undefined)[] {
  return readStoredFile(path).map(({ configured }) => configured?.host);
}

/** Resolves when strace(1) has written that what it watches has been stopped by a signal. */
async function untilStopped(trace: string): Promise<void> {
  const untilMs = performance.now() + 30_000;
  while (!readFileSync(trace, 'utf8').includes('--- stopped by SIGSTOP ---')) {
    assert.ok(performance.now() < untilMs, 'it does not stop');
    await setTimeout(10);
  }
}

const PUT_BACK = /critical: .*clients\.mdb: was removed by another program; it is written again\nstored/;

test('a file that is removed while the server runs is written again, with all that was in it', async t => {
  const { child, path } = await startWithState(t);
  for (const host of ['second', 'third']) {
    for (const file of [path, `${path}-lock`]) rmSync(file);
    await tell(child, `write 1 ${host}`, PUT_BACK);
    const hosts = hostsIn(path);
    assert.equal(hosts.length, 30);
    assert.deepEqual([...new Set(hosts)], [host, 'before']);
  }
  await tell(child, 'close', /closed/);
});

test('it is also when it goes before the first write', async t => {
  const { child, directory, path } = await startWithState(t);
  await tell(child, 'close', /closed/);
  const next = startStateChild(t, directory);
  await next.waitForOutput(/opened before/);
  rmSync(path);
  await tell(next, 'write 1 after', PUT_BACK);
  assert.equal(hostsIn(path).length, 30);
});

test('a file that is removed in the middle of a write is, too', requires('strace'), async t => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'clients.mdb');
  // The third time that LMDB waits for the disk: after those for the new file and for the first write.
  const stop = 'inject=fdatasync:signal=SIGSTOP:when=3';
  const trace = join(temporaryDirectory(t), 'trace');
  const words = ['strace', '-f', '-qq', '-o', trace, '-e', 'trace=fdatasync', '-e', stop];
  const child = startStateChild(t, directory, words);
  await tell(child, 'write 30 before', /stored before/);
  const server = writerOf(child); // the child of strace(1)
  const writer = writerOf({ pid: server });
  t.after(() => endIfThere(writer));
  await tell(child, 'write 1 after', /writing/);
  await untilStopped(trace);
  rmSync(path);
  const from = child.output.length;
  process.kill(writer, 'SIGCONT');
  await child.waitForOutput(PUT_BACK, undefined, from);
  assert.deepEqual([...new Set(hostsIn(path))], ['after', 'before']);
});

test('a file that is replaced is left alone, and nothing is stored until the old one is put back', async t => {
  const { child, directory, path } = await startWithState(t);
  const aside = join(directory, 'aside');
  renameSync(path, aside);
  writeFileSync(path, 'of somebody');
  const refused =
    /failed STATE .*clients\.mdb: cannot be written: it was replaced by another program; put the old one back/;
  for (let i = 0; i < 2; i++) await tell(child, 'write 30 refused', refused);
  assert.equal(readFileSync(path, 'utf8'), 'of somebody');
  renameSync(aside, path);
  assert.ok(!hostsIn(path).includes('refused'));
  await tell(child, 'write 1 after', /stored after/);
  assert.equal(hostsIn(path).length, 30);
});

test('without its directory, nothing is stored and nothing made until that is put back', async t => {
  const { child, directory, path } = await startWithState(t);
  const aside = `${directory}.aside`;
  renameSync(directory, aside);
  const refused =
    /failed STATE .*clients\.mdb: cannot be written: its directory or the lock there was removed/;
  await tell(child, 'write 30 refused', refused);
  assert.ok(!existsSync(directory));
  mkdirSync(directory);
  writeFileSync(join(directory, 'lock'), '');
  await tell(child, 'write 30 refused', refused);
  assert.deepEqual(readdirSync(directory), ['lock']);
  rmSync(directory, { recursive: true });
  renameSync(aside, directory);
  await tell(child, 'write 1 after', /stored after/);
  assert.equal(hostsIn(path).length, 30);
  rmSync(directory, { recursive: true });
  await tell(child, 'write 1 refused', refused);
});

test('without the file and the process that had it open, nothing is stored and no file made', async t => {
  const { child, directory, path } = await startWithState(t);
  renameSync(path, join(directory, 'aside'));
  process.kill(writerOf(child), 'SIGKILL');
  const refused =
    /failed STATE .*clients\.mdb: cannot be written: it was removed by another program; put it back/;
  // The first may find the process just ended.
  await tell(child, 'write 1 refused', /failed STATE/);
  await tell(child, 'write 1 refused', refused);
  assert.ok(!existsSync(path));
  renameSync(join(directory, 'aside'), path);
  await tell(child, 'write 1 after', /stored after/);
  assert.equal(hostsIn(path).length, 30);
});

test('a link in place of a lock file is not followed', async t => {
  for (const [name, pattern] of [
    ['lock', /lock: cannot be opened: .*; a link must not stand there/],
    ['clients.mdb-lock', /cannot be written: .*; a link must not stand there/],
  ] as const) {
    const directory = temporaryDirectory(t);
    const target = join(temporaryDirectory(t), 'target');
    symlinkSync(target, join(directory, name));
    await assert.rejects(openStateStore(directory), { code: 'STATE', message: pattern });
    assert.ok(!existsSync(target), name);
  }
});
