import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedOk, endCheck, startCheck, stopCheck, tick } from '../../../server/client/checks.js';
import type { Client } from '../../../server/client/client.js';
import { createClient, disable, enable } from '../../../server/client/client.js';
import { endApprovalRequest, extendAfterRelease, requestApproval } from '../../../server/client/releases.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import { changedProperties, isAnother } from '../../../server/control/property-changes.js';
import { FAILED, OK, settingsOf } from '../client/heart.js';

const NOW_MS = 1_000_000;
const LATER_MS = NOW_MS + 5000;

/** Enabled, idle, and checked once. */
function idle(): Client {
  const client = createClient(settingsOf('a'), NOW_MS, 0.5);
  return endCheck(startCheck(client), FAILED, NOW_MS);
}

/** Orders as measured of the original: docs/original-client-life.md. */
const ORDERS: readonly (readonly [what: string, before: Client, client: Client, expected: string])[] = [
  ['disable', idle(), disable(idle()), 'Expires Enabled'],
  [
    'disable during a check',
    startCheck(idle()),
    disable(startCheck(idle())),
    'Expires CheckerRunning Enabled',
  ],
  ['enable', disable(idle()), enable(disable(idle()), LATER_MS), 'Enabled LastEnabled Expires'],
  ['a check begins', idle(), startCheck(idle()), 'CheckerRunning'],
  [
    'the first check begins',
    createClient(settingsOf('a'), NOW_MS, 0),
    tick(createClient(settingsOf('a'), NOW_MS, 0), LATER_MS),
    'CheckerRunning Expires',
  ],
  [
    'a check succeeds',
    startCheck(idle()),
    endCheck(startCheck(idle()), OK, LATER_MS),
    'CheckerRunning LastCheckerStatus LastCheckedOK Expires',
  ],
  [
    'a check succeeds again',
    startCheck(checkedOk(idle(), NOW_MS)),
    endCheck(startCheck(checkedOk(idle(), NOW_MS)), OK, LATER_MS),
    'CheckerRunning LastCheckedOK Expires',
  ],
  [
    'a check fails with another status',
    startCheck(idle()),
    endCheck(startCheck(idle()), { kind: 'exited', status: 7 }, LATER_MS),
    'CheckerRunning LastCheckerStatus',
  ],
  [
    'a check fails as before',
    startCheck(idle()),
    endCheck(startCheck(idle()), FAILED, LATER_MS),
    'CheckerRunning',
  ],
  ['a check is stopped', startCheck(idle()), stopCheck(startCheck(idle())), 'CheckerRunning'],
  ['CheckedOK', idle(), checkedOk(idle(), LATER_MS), 'LastCheckedOK LastCheckerStatus Expires'],
  [
    'CheckedOK of a disabled one',
    disable(idle()),
    checkedOk(disable(idle()), LATER_MS),
    'LastCheckedOK LastCheckerStatus',
  ],
  ['a release', idle(), extendAfterRelease(idle(), LATER_MS), 'Expires'],
  ['a request waits', idle(), requestApproval(idle(), LATER_MS), 'ApprovalPending LastApprovalRequest'],
  [
    'a second one waits',
    requestApproval(idle(), NOW_MS),
    requestApproval(requestApproval(idle(), NOW_MS), LATER_MS),
    'LastApprovalRequest',
  ],
  [
    'the last one ends',
    requestApproval(idle(), NOW_MS),
    endApprovalRequest(requestApproval(idle(), NOW_MS)),
    'ApprovalPending',
  ],
  ['Timeout', idle(), changeSettings(idle(), { timeoutMs: 1 }, NOW_MS), 'Timeout Expires Enabled'],
  ['Interval', idle(), changeSettings(idle(), { intervalMs: 1 }, NOW_MS), 'Interval'],
  ['Secret', idle(), changeSettings(idle(), { secret: Buffer.from('x') }, NOW_MS), 'Secret'],
  ['the same Secret', idle(), { ...idle(), settings: settingsOf('a') }, ''],
];

for (const [what, before, client, expected] of ORDERS) {
  test(`${what}: changed is ${expected || 'nothing'}`, () => {
    assert.equal(changedProperties(client, before).join(' '), expected);
  });
}

test('whose key or fingerprint is another is another client, and nobody else is', () => {
  const with_ = (change: object) => ({ ...idle(), settings: { ...idle().settings, ...change } });
  assert.equal(isAnother(with_({ keyId: 'ff'.repeat(32) }), idle()), true);
  assert.equal(isAnother(with_({ fingerprint: 'ff'.repeat(20) }), idle()), true);
  assert.equal(isAnother(with_({ host: 'other' }), idle()), false);
});
