import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { moduleUrl, temporaryDirectory } from './script.js';

/** What a program in the foreground writes to a standard error that $JOURNAL_STREAM does or does not name. */
function writtenInForeground(t: TestContext, isJournal: boolean): string {
  const file = join(temporaryDirectory(t), 'journal');
  const fd = openSync(file, 'w');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const script = `import { chooseLogSink } from ${moduleUrl('server/host/log-sink.js')};
    chooseLogSink('mandos', undefined).write('error', 'it failed');`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', fd],
    env: { ...process.env, JOURNAL_STREAM: isJournal ? `${dev}:${ino}` : '1:1' },
  });
  closeSync(fd);
  assert.equal(status, 0);
  return readFileSync(file, 'utf8');
}

test('in the foreground the log goes to standard error, and to the journal with priorities', t => {
  assert.equal(writtenInForeground(t, false), 'mandos: error: it failed\n');
  assert.equal(writtenInForeground(t, true), '<3>it failed\n');
});
