import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckLog } from '../../../server/checker/check-log.js';
import type { CheckOutcome } from '../../../server/client/client.js';
import { createClient } from '../../../server/client/client.js';
import { TEST_SETTINGS } from '../../support/release-server.js';
import { recorder } from './recorder.js';

const CLIENT = createClient({ ...TEST_SETTINGS, name: 'web1' }, 0, 0.5);

function said(command: string, outcome: CheckOutcome): readonly string[] {
  const { log, lines } = recorder();
  const check = { command, done: Promise.resolve(outcome), stop: () => Promise.resolve() };
  new CheckLog(log).ended(check, outcome, CLIENT);
  return lines;
}

test('an fping that could not ask is a warning that says why, and what to do', () => {
  assert.deepEqual(said('fping -q -- nosuchhost', { kind: 'exited', status: 2 }), [
    'warning: web1: check failed: its host name is not found (correct its "host", or the DNS): fping -q -- nosuchhost',
  ]);
});

test('a machine that does not answer is no warning, and what a script means is its own', () => {
  assert.deepEqual(said('fping -q -- web1', { kind: 'exited', status: 1 }), [
    'info: web1: check failed: exit status 1: fping -q -- web1',
  ]);
  assert.deepEqual(said('/usr/local/bin/check web1', { kind: 'exited', status: 2 }), [
    'info: web1: check failed: exit status 2: /usr/local/bin/check web1',
  ]);
});
