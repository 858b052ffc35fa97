import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../common/log.js';
import { after } from '../../common/timer.js';
import { clientChecker } from '../../server/checker/client-checker.js';
import { createClient } from '../../server/client/client.js';
import { RELEASE_CHECK_LIMIT_MS, releaseChecker } from '../../server/release-check.js';
import { TEST_SETTINGS } from '../support/release-server.js';

/** A client with this checker, run by real shells. */
function start(checker: string, effects: { after?: typeof after } = {}) {
  const lines: string[] = [];
  const log = createLog({ write: (level, line) => lines.push(`${level}: ${line}`) }, 'info');
  const client = createClient({ ...TEST_SETTINGS, name: 'web1', checker }, 0, 0);
  const release = releaseChecker(clientChecker(log), log, effects.after ?? after);
  return { lines, release, checkNow: () => release.checkNow(client) };
}

test('a checker ends with its own status', async () => {
  assert.deepEqual(await start('true').checkNow(), { kind: 'exited', status: 0 });
  assert.deepEqual(await start('exit 3').checkNow(), { kind: 'exited', status: 3 });
});

test('a checker that cannot be run says so in the log, and is no success', async () => {
  const { lines, checkNow } = start('/no/such/program');
  assert.deepEqual(await checkNow(), { kind: 'exited', status: 127 });
  assert.deepEqual(lines, [
    'warning: web1: whether its machine is up cannot be told, and its request goes on: command not found: /no/such/program',
  ]);
});

test('a checker that does not end in time is ended, and is no success, whatever it says then', async () => {
  const limits: number[] = [];
  let isOver = () => {};
  const { release, checkNow } = start('trap "exit 0" TERM; while :; do sleep 0.05; done', {
    after: (delayMs, run) => {
      limits.push(delayMs);
      isOver = run;
      return () => {};
    },
  });
  const checking = checkNow();
  isOver();
  assert.deepEqual(await checking, { kind: 'killed', signal: 15 });
  assert.deepEqual(limits, [RELEASE_CHECK_LIMIT_MS]);
  await release.stop();
});

test('a stop ends the checkers under way', async () => {
  // No limit ends it.
  const { release, checkNow } = start('exec sleep 1000', { after: () => () => {} });
  const checking = checkNow();
  await release.stop();
  assert.equal((await checking).kind, 'killed');
});
