import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { requires } from '../../support/requires.js';
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

test('lines of one turn go in one write, also those that are said last of all', requires('strace'), t => {
  const trace = join(temporaryDirectory(t), 'trace');
  const script = `import { chooseLogSink } from ${moduleUrl('server/host/log-sink.js')};
    const sink = chooseLogSink('mandos', undefined);
    for (const line of ['one', 'two', 'three']) sink.write('info', line);
    setImmediate(() => { sink.write('error', 'last'); process.exit(3); });`;
  const strace = ['-f', '-qq', '-e', 'trace=write,writev', '-e', 'write=2', '-o', trace];
  const program = [process.execPath, '--input-type=module', '-e', script];
  const { status, stderr } = spawnSync('strace', [...strace, ...program], {
    env: { ...process.env, JOURNAL_STREAM: '' },
    encoding: 'utf8',
  });
  assert.equal(status, 3);
  assert.equal(stderr, 'mandos: one\nmandos: two\nmandos: three\nmandos: error: last\n');
  const writes = readFileSync(trace, 'utf8').match(/^\d+ +writev?\(2, /gm);
  assert.equal(writes?.length, 2);
});
