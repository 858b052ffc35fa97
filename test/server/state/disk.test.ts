import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { Child } from '../../support/child.js';
import { requires } from '../../support/requires.js';
import { readStoredFile } from '../../../server/state/stored-file.js';
import { startStateChild, tell, temporaryDirectory } from './scratch.js';

/** A state child in a mount namespace of its own, with a file system of memory at the directory. */
function startOnMount(t: TestContext, directory: string, options: string): Child {
  const script = `mount -t tmpfs -o ${options} tmpfs "$0" && exec "$@"`;
  return startStateChild(t, directory, ['unshare', '--mount', 'sh', '-c', script, directory]);
}

/** A path as the child sees it, for the test. */
function inside(child: Child, path: string): string {
  return `/proc/${child.pid}/root${path}`;
}

/** Takes all room that is left, but for less than `left` bytes. */
function fill(path: string): void {
  const blocks = Buffer.alloc(64 * 1024);
  try {
    for (let i = 0; ; i++) writeFileSync(path, blocks, { flag: 'a' });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
}

const NO_ROOM = /failed STATE .*clients\.mdb: cannot be written: no space left on device; make room there\n/;

test(
  'a full disk is said in words, loses nothing, and is no obstacle when there is room again',
  requires('root', 'netns'),
  async t => {
    const directory = temporaryDirectory(t);
    const child = startOnMount(t, directory, 'size=2m,mode=700');
    await child.waitForOutput(/opened \n/);
    await tell(child, 'write 50 before', /stored before/);
    const filler = inside(child, join(directory, 'filler'));
    fill(filler);
    for (let i = 0; i < 3; i++) await tell(child, 'write 500 never', NO_ROOM);
    const stored = readStoredFile(inside(child, join(directory, 'clients.mdb')));
    assert.deepEqual([...new Set(stored.map(({ configured }) => configured?.host))], ['before']);
    rmSync(filler);
    await tell(child, 'write 500 after', /stored after/);
    await tell(child, 'spawn', /files: (?!.*clients).*/);
    await tell(child, 'close', /closed/);
    const after = readStoredFile(inside(child, join(directory, 'clients.mdb')));
    assert.deepEqual([...new Set(after.map(({ configured }) => configured?.host))], ['after']);
    assert.equal(after.length, 500);
  },
);

test('a server starts on a full disk, with what it has stored', requires('root', 'netns'), async t => {
  const directory = temporaryDirectory(t);
  const first = startOnMount(t, directory, 'size=2m,mode=700');
  await tell(first, 'write 200 before', /stored before/);
  await tell(first, 'close', /closed/);
  fill(inside(first, join(directory, 'filler')));
  // Into the same namespace.
  const second = startStateChild(t, directory, ['nsenter', `--mount=/proc/${first.pid}/ns/mnt`]);
  await second.waitForOutput(/opened before\n/);
  await tell(second, 'write 1000 never', NO_ROOM);
  rmSync(inside(first, join(directory, 'filler')));
  await tell(second, 'write 1000 after', /stored after/);
});

test('where there is no room for lmdb’s lock file, that is named', requires('root', 'netns'), async t => {
  const directory = temporaryDirectory(t);
  const first = startOnMount(t, directory, 'size=2m,mode=700');
  await tell(first, 'write 200 before', /stored before/);
  await tell(first, 'close', /closed/);
  rmSync(inside(first, join(directory, 'clients.mdb-lock')));
  fill(inside(first, join(directory, 'filler')));
  const second = startStateChild(t, directory, ['nsenter', `--mount=/proc/${first.pid}/ns/mnt`]);
  await second.waitForOutput(NO_ROOM);
});

test('a file system that cannot be written is named at the start', requires('root', 'netns'), async t => {
  const directory = temporaryDirectory(t);
  const child = startOnMount(t, directory, 'size=2m,mode=700,ro');
  await child.waitForOutput(
    /failed STATE .*lock: cannot be opened: read-only file system; mount it for writing, or choose/,
  );
});

test('a full disk at the very first start is named', requires('root', 'netns'), async t => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'state'));
  const child = startOnMount(t, join(directory, 'state'), 'size=8k,mode=700');
  await child.waitForOutput(/failed STATE .*: no space left on device; make room there/);
});

test('a batch is on the disk before anyone is told', requires('strace'), async t => {
  const directory = temporaryDirectory(t);
  const trace = join(temporaryDirectory(t), 'trace');
  const calls = 'trace=openat,rename,pwrite64,pwritev,pwritev2,writev,fsync,fdatasync,msync,write';
  const child = startStateChild(t, directory, ['strace', '-f', '-qq', '-y', '-e', calls, '-o', trace]);
  await child.waitForOutput(/opened/);
  await tell(child, 'write 20 first', /stored first/);
  await tell(child, 'write 1 second', /stored second/);
  await tell(child, 'close', /closed/);
  child.stdin.end();
  await child.waitForExit();
  const lines = readFileSync(trace, 'utf8').split('\n');
  const at = (pattern: RegExp, from = 0) => {
    const found = lines.findIndex((line, i) => i >= from && pattern.test(line));
    assert.ok(found >= 0, `${pattern} in\n${lines.slice(from).join('\n')}`);
    return found;
  };
  // A new file is there for good when the server starts.
  const renamed = at(/rename\(".*clients\.mdb\.new", ".*clients\.mdb"\)/);
  const opened = at(/write\(1.*opened/);
  assert.ok(at(/fsync\(\d+<[^>]*state-[^/>]*>/, renamed) < opened);
  // LMDB writes the pages, waits for the disk, then writes the meta page through a descriptor that waits for the disk.
  at(/openat\(.*clients\.mdb", O_WRONLY\|O_DSYNC/, renamed);
  for (const which of ['first', 'second']) {
    const begun = at(/write\(1.*writing/, which === 'first' ? 0 : at(/write\(1.*stored first/));
    const told = at(new RegExp(`write\\(1.*stored ${which}`), begun);
    const pages = at(/p?write(v|v2|64)\(\d+<[^>]*clients\.mdb/, begun);
    const synced = at(/fdatasync(\(\d+<[^>]*clients\.mdb| resumed)/, pages);
    const metaWritten = at(/pwrite64(\(\d+<[^>]*clients\.mdb.*, (40|4136)\b| resumed)/, synced);
    assert.ok(metaWritten < told, lines.slice(begun, told + 1).join('\n'));
  }
});
