import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { openAuditLog } from '../../../server/audit/audit-log.js';
import { requires } from '../../support/requires.js';
import { recorder } from '../checker/recorder.js';
import { NOW_MS, numbered } from './sample-events.js';

/** Leave to mount is what making network namespaces needs, too. */
const NEEDS = requires('root', 'netns');

const SIZE_BYTES = 64 * 1024;
/** More records than there is room for. */
const RECORDS = 1_000;

/** A file system of SIZE_BYTES, of which `ballast` takes one half. */
function smallDisk(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'audit-disk-'));
  t.after(() => {
    // Lazily: after a failure the audit log may be open. It fails where nothing was mounted.
    spawnSync('umount', ['--lazy', directory]);
    rmSync(directory, { recursive: true, force: true });
  });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_BYTES}`, 'mandos-test', directory]);
  const ballast = join(directory, 'ballast');
  writeFileSync(ballast, Buffer.alloc(SIZE_BYTES / 2));
  return { path: join(directory, 'audit.json'), free: () => rmSync(ballast) };
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n');

test('a full disk is said once, loses what is counted, and tears no other line', NEEDS, t => {
  const { path, free } = smallDisk(t);
  const { log, lines } = recorder();
  let nowMs = NOW_MS;
  const audit = openAuditLog(path, log, () => nowMs++);
  for (let i = 0; i < RECORDS; i++) audit.record(numbered(i));
  assert.deepEqual(lines, [
    `error: ${path}: cannot be written: no space left on device; serving on, audit records are lost`,
  ]);
  const torn = linesOf(path).filter(line => !isWhole(line));
  assert.ok(torn.length <= 1);
  const written = linesOf(path).length - torn.length;
  assert.ok(written > 0 && written < RECORDS);

  free();
  for (let i = RECORDS; i < RECORDS + 10; i++) audit.record(numbered(i));
  audit.close();
  assert.deepEqual(lines.slice(1), [`warning: ${path}: can be written again`]);
  // All that could not be written is one record, in its place.
  const whole = linesOf(path)
    .filter(isWhole)
    .map(line => JSON.parse(line) as Record<string, unknown>);
  const { time, ...lost } = whole[written] ?? {};
  const since = new Date(NOW_MS + written).toISOString();
  assert.deepEqual(lost, { event: 'lost', count: RECORDS - written, since });
  assert.equal(time, new Date(NOW_MS + RECORDS).toISOString());
  const numbers = whole.filter(({ event }) => event !== 'lost').map(({ reason }) => Number(reason));
  const expected = Array.from({ length: RECORDS + 10 }, (_, i) => i);
  expected.splice(written, RECORDS - written);
  assert.deepEqual(numbers, expected);
  assert.equal(linesOf(path).length - whole.length, torn.length, 'no other line is torn');
});

test('what is lost is in the file also when the server stops, or else in the log', NEEDS, t => {
  for (const isFreed of [true, false]) {
    const { path, free } = smallDisk(t);
    const { log, lines } = recorder();
    const audit = openAuditLog(path, log, () => NOW_MS);
    for (let i = 0; i < RECORDS; i++) audit.record(numbered(i));
    const before = linesOf(path).filter(isWhole).length;
    if (isFreed) free();
    audit.close();
    const count = RECORDS - before;
    if (isFreed) {
      assert.deepEqual((JSON.parse(linesOf(path).at(-1) ?? '') as { count: unknown }).count, count);
    } else assert.equal(lines.at(-1), `error: ${path}: ${count} audit records lost`);
  }
});

test('a rotation to another disk ends the loss', NEEDS, t => {
  const full = smallDisk(t);
  const other = smallDisk(t);
  const { log } = recorder();
  const audit = openAuditLog(full.path, log, () => NOW_MS);
  for (let i = 0; i < RECORDS; i++) audit.record(numbered(i));
  const count = RECORDS - linesOf(full.path).filter(isWhole).length;
  audit.reopen(other.path);
  audit.record(numbered(RECORDS));
  audit.close();
  const records = linesOf(other.path).map(line => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    records.map(record => record['count'] ?? record['reason']),
    [count, String(RECORDS)],
  );
});
