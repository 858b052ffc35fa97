import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemFiles } from '../../../server/config/files.js';

test('a file is read with its permissions, or it is said why not', t => {
  const directory = mkdtempSync(join(tmpdir(), 'config-files-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'file');
  assert.deepEqual(systemFiles.read(path, 10), { kind: 'missing' });
  writeFileSync(path, '0123456789');
  assert.deepEqual(systemFiles.read(join(path, 'below'), 10), { kind: 'missing' });
  chmodSync(path, 0o640);
  const content = systemFiles.read(path, 10);
  assert.equal(content.kind, 'read');
  assert.deepEqual([Buffer.from(content.bytes).toString(), content.mode & 0o777], ['0123456789', 0o640]);
  assert.deepEqual(systemFiles.read(path, 9), { kind: 'unreadable', reason: 'it has more than 9 bytes' });
  assert.deepEqual(systemFiles.read(directory, 9), {
    kind: 'unreadable',
    reason: 'it is not a regular file',
  });
  const tooLong = systemFiles.read(join(directory, 'x'.repeat(300)), 9);
  assert.deepEqual(tooLong, { kind: 'unreadable', reason: 'name too long' });
});

test('a named pipe that nobody writes to does not hold up the start', t => {
  const directory = mkdtempSync(join(tmpdir(), 'config-files-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  assert.deepEqual(systemFiles.read(path, 10), { kind: 'unreadable', reason: 'it is not a regular file' });
});

test('a directory is told from what is none', t => {
  const directory = mkdtempSync(join(tmpdir(), 'config-files-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'file');
  writeFileSync(file, '');
  const paths = [directory, `${directory}/`, file, join(file, 'below'), join(directory, 'x'.repeat(300))];
  assert.deepEqual(
    paths.map(path => systemFiles.isDirectory(path)),
    [true, true, false, false, false],
  );
});

test('what a path leads to is told', t => {
  const directory = mkdtempSync(join(tmpdir(), 'config-files-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'file');
  writeFileSync(file, '', { mode: 0o644 });
  const paths = [directory, file, '/dev/null', join(directory, 'none'), join(directory, 'x'.repeat(300))];
  assert.deepEqual(
    paths.map(path => systemFiles.kindOf(path)),
    ['directory', 'file', 'other', 'missing', 'unknown'],
  );
  chmodSync(file, 0o755);
  assert.equal(systemFiles.kindOf(file), 'executable');
});

test('a directory is listed, or it is said why not', t => {
  const directory = mkdtempSync(join(tmpdir(), 'config-files-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'file');
  assert.deepEqual(systemFiles.list(directory), { kind: 'read', names: [] });
  writeFileSync(file, '');
  assert.deepEqual(systemFiles.list(directory), { kind: 'read', names: ['file'] });
  assert.deepEqual(systemFiles.list(file), { kind: 'unreadable', reason: 'not a directory' });
  assert.deepEqual(systemFiles.list(join(file, 'below')), { kind: 'missing' });
  assert.deepEqual(systemFiles.list(join(directory, 'none')), { kind: 'missing' });
});

test('home directories are found', () => {
  assert.equal(systemFiles.homeOf(''), homedir());
  assert.equal(systemFiles.homeOf(userInfo().username), userInfo().homedir);
  assert.equal(systemFiles.homeOf('nobody-of-this-name'), undefined);
});
