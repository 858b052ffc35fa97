import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedOk, endCheck, startCheck, stopCheck, tick } from '../../../server/client/checks.js';
import type { Client } from '../../../server/client/client.js';
import { disable, enable, expire } from '../../../server/client/client.js';
import {
  approve,
  countRelease,
  endApprovalRequest,
  extendAfterRelease,
  requestApproval,
} from '../../../server/client/releases.js';
import type { Difference } from './client-states.js';
import {
  SETTINGS,
  KILLED,
  fresh,
  first,
  good,
  checking,
  bad,
  released,
  off,
  offChecking,
  neverEnabled,
  DISABLED,
  NOTHING,
  difference,
  set,
} from './client-states.js';
import { FAILED, OK } from './heart.js';

/** What of docs/original-client-life.md; the state before; what happens; what is another then. */
const ROWS: readonly (readonly [string, Client, (client: Client) => Client, Difference])[] = [
  [
    '1: first check: Expires = now + interval',
    fresh,
    c => tick(c, 510),
    {
      checking: true,
      unchecked: false,
      nextCheckMs: 2_500,
      expiresMs: 2_510,
    },
  ],
  ['1: not before its time', fresh, c => tick(c, 499), NOTHING],
  ['1: enabled=False in conf: no check', neverEnabled, c => tick(c, 9_999), NOTHING],
  [
    '1: a client that was vouched for before its first check keeps its timeout',
    checkedOk(fresh, 400),
    c => tick(c, 510),
    {
      checking: true,
      nextCheckMs: 2_500,
    },
  ],
  [
    '1: a client that booted before its first check keeps its extended timeout',
    extendAfterRelease(fresh, 400),
    c => tick(c, 510),
    {
      checking: true,
      nextCheckMs: 2_500,
    },
  ],
  [
    '2: exit 0: counted from the END of the check',
    tick(bad, 4_500),
    c => endCheck(c, OK, 4_700),
    {
      checking: false,
      lastCheck: OK,
      lastCheckedOkMs: 4_700,
      expiresMs: 10_700,
    },
  ],
  [
    '2: exit N: Expires, LastCheckedOK unchanged',
    checking,
    c => endCheck(c, FAILED, 2_700),
    {
      checking: false,
      lastCheck: FAILED,
    },
  ],
  [
    '2: the sh killed by signal 9: same as failed',
    checking,
    c => endCheck(c, KILLED, 2_700),
    {
      checking: false,
      lastCheck: KILLED,
    },
  ],
  [
    '2: longer than interval: ticks while it runs are skipped silently',
    checking,
    c => tick(c, 4_500),
    { nextCheckMs: 6_500 },
  ],
  ['2: still running at Expires', first, c => expire(c, 2_510), { ...DISABLED, checking: false }],
  ['2: not yet at Expires', first, c => expire(c, 2_509), NOTHING],
  [
    '2: a late end gives no signal and changes nothing',
    expire(first, 2_510),
    c => endCheck(c, OK, 2_511),
    NOTHING,
  ],
  ['2: nor before the expiry is noticed', first, c => endCheck(c, OK, 2_510), { checking: false }],
  [
    '2: after Expiry, LastCheckedOK, LastCheckerStatus, LastEnabled kept',
    bad,
    c => expire(c, 6_600),
    DISABLED,
  ],
  [
    '3: the next free tick of the grid',
    endCheck(tick(checking, 4_500), OK, 5_500),
    c => tick(c, 6_500),
    {
      checking: true,
      nextCheckMs: 8_500,
    },
  ],
  [
    '3: no catching up, and the phase is kept',
    good,
    c => tick(c, 6_555),
    { checking: true, nextCheckMs: 8_500 },
  ],
  ['3: a tick of the second on', good, c => tick(c, 2_500), { checking: true, nextCheckMs: 4_500 }],
  [
    '4: Enable, disabled client',
    off,
    c => enable(c, 7_000),
    {
      enabled: true,
      lastEnabledMs: 7_000,
      expiresMs: 11_000,
      nextCheckMs: 9_000,
    },
  ],
  [
    '4: Enable, never enabled',
    neverEnabled,
    c => enable(c, 7_000),
    {
      enabled: true,
      lastEnabledMs: 7_000,
      expiresMs: 11_000,
      nextCheckMs: 9_000,
      unchecked: false,
    },
  ],
  [
    '4: … its first check does not move Expires',
    enable(neverEnabled, 7_000),
    c => tick(c, 9_000),
    {
      checking: true,
      nextCheckMs: 11_000,
    },
  ],
  [
    '4: … and that first check fails: disabled at + 2×interval',
    endCheck(tick(enable(off, 7_000), 9_000), FAILED, 9_100),
    c => expire(c, 11_000),
    DISABLED,
  ],
  ['4: Enable, enabled client: nothing', good, c => enable(c, 7_000), NOTHING],
  ['4: Disable, idle', good, disable, DISABLED],
  ['4: Disable, checker running', checking, disable, { ...DISABLED, checking: false }],
  ['4: Disable, disabled client: nothing', off, disable, NOTHING],
  ['5: StartChecker idle: extra to the grid', good, startCheck, { checking: true }],
  ['5: StartChecker running: nothing', checking, startCheck, NOTHING],
  ['5: StartChecker DISABLED: runs', off, startCheck, { checking: true }],
  [
    '5: … on success Expires stays "", Enabled stays false',
    offChecking,
    c => endCheck(c, OK, 7_000),
    {
      checking: false,
      lastCheckedOkMs: 7_000,
    },
  ],
  ['5: … on failure', offChecking, c => endCheck(c, FAILED, 7_000), { checking: false, lastCheck: FAILED }],
  ['5: StopChecker running: CheckerRunning false only', checking, stopCheck, { checking: false }],
  ['5: … its end is ignored', stopCheck(checking), c => endCheck(c, OK, 2_700), NOTHING],
  ['5: StopChecker idle: nothing', good, stopCheck, NOTHING],
  [
    '6: CheckedOK, enabled',
    bad,
    c => checkedOk(c, 3_000),
    { lastCheckedOkMs: 3_000, lastCheck: OK, expiresMs: 9_000 },
  ],
  [
    '6: CheckedOK, disabled: LastCheckedOK only',
    disable(bad),
    c => checkedOk(c, 3_000),
    { lastCheckedOkMs: 3_000, lastCheck: OK },
  ],
  [
    '6: CheckedOK does not bring back who has expired',
    bad,
    c => checkedOk(c, 6_600),
    { lastCheckedOkMs: 6_600, lastCheck: OK },
  ],
  ['7: Expires = now + extended_timeout', good, c => extendAfterRelease(c, 1_000), { expiresMs: 11_000 }],
  [
    '7: … also when that is less than what remains',
    { ...good, expiresMs: 60_000 },
    c => extendAfterRelease(c, 1_000),
    { expiresMs: 11_000 },
  ],
  [
    '7: … also when never checked',
    fresh,
    c => extendAfterRelease(c, 100),
    { expiresMs: 10_100, unchecked: false },
  ],
  ['7: … at EACH further release', released, c => extendAfterRelease(c, 2_000), { expiresMs: 12_000 }],
  ['7: … not of a disabled client', off, c => extendAfterRelease(c, 1_000), NOTHING],
  ['7: … nor of one that has expired', good, c => extendAfterRelease(c, 6_600), NOTHING],
  [
    '7: the next good check sets now + timeout (may shorten)',
    tick(released, 2_500),
    c => endCheck(c, OK, 2_600),
    {
      checking: false,
      lastCheckedOkMs: 2_600,
      expiresMs: 8_600,
    },
  ],
  [
    '7: a release is counted',
    good,
    c => countRelease(c, 1_000),
    { releases: 1, releasesSinceEnabled: 1, lastReleaseMs: 1_000 },
  ],
  [
    '8: Timeout, enabled: Expires shifted by exactly new − old',
    good,
    c => set(c, { timeoutMs: 11_000 }, 1_000),
    {
      settings: { timeoutMs: 11_000 },
      expiresMs: 11_600,
    },
  ],
  [
    '8: … also the first Expires',
    fresh,
    c => set(c, { timeoutMs: 5_000 }, 100),
    { settings: { timeoutMs: 5_000 }, expiresMs: 1_500 },
  ],
  [
    '8: … or after a release',
    released,
    c => set(c, { timeoutMs: 7_000 }, 1_100),
    { settings: { timeoutMs: 7_000 }, expiresMs: 12_000 },
  ],
  [
    '8: … result in the past: disabled',
    checking,
    c => set(c, { timeoutMs: 1_000 }, 2_600),
    {
      ...DISABLED,
      checking: false,
      settings: { timeoutMs: 1_000 },
    },
  ],
  [
    '8: … result now: disabled',
    good,
    c => set(c, { timeoutMs: 1_000 }, 1_600),
    { ...DISABLED, settings: { timeoutMs: 1_000 } },
  ],
  [
    '8: … 0 is allowed',
    endCheck(set(tick(released, 2_500), { timeoutMs: 0 }, 2_500), OK, 2_600),
    c => expire(c, 2_600),
    DISABLED,
  ],
  [
    '8: Timeout, disabled: Timeout only',
    off,
    c => set(c, { timeoutMs: 1 }, 1_000),
    { settings: { timeoutMs: 1 } },
  ],
  [
    '8: Interval, enabled idle: check at once, Expires unchanged',
    good,
    c => tick(set(c, { intervalMs: 3_000 }, 1_000), 1_000),
    {
      settings: { intervalMs: 3_000 },
      checking: true,
      nextCheckMs: 4_000,
    },
  ],
  [
    '8: … before the first check',
    fresh,
    c => tick(set(c, { intervalMs: 3_000 }, 100), 100),
    {
      settings: { intervalMs: 3_000 },
      checking: true,
      nextCheckMs: 3_100,
      unchecked: false,
    },
  ],
  [
    '8: Interval, checker running: no new check; grid from now',
    checking,
    c => tick(set(c, { intervalMs: 3_000 }, 2_600), 2_600),
    {
      settings: { intervalMs: 3_000 },
      nextCheckMs: 5_600,
    },
  ],
  [
    '8: Interval, same value: a check at once and a new grid',
    good,
    c => tick(set(c, { intervalMs: 2_000 }, 1_000), 1_000),
    {
      checking: true,
      nextCheckMs: 3_000,
    },
  ],
  [
    '8: Interval, disabled: Interval only',
    off,
    c => set(c, { intervalMs: 3_000 }, 1_000),
    { settings: { intervalMs: 3_000 } },
  ],
  [
    '8: … used at the next Enable',
    set(off, { intervalMs: 3_000 }, 1_000),
    c => enable(c, 7_000),
    {
      enabled: true,
      lastEnabledMs: 7_000,
      expiresMs: 13_000,
      nextCheckMs: 10_000,
    },
  ],
  [
    '8: ExtendedTimeout, Host, Checker',
    checking,
    c => set(c, { extendedTimeoutMs: 1, host: 'h', checker: 'c' }, 2_600),
    {
      settings: { extendedTimeoutMs: 1, host: 'h', checker: 'c' },
    },
  ],
  [
    '8: same value (others): nothing',
    good,
    c => set(c, { timeoutMs: 6_000, secret: Uint8Array.from(SETTINGS.secret) }, 1_000),
    NOTHING,
  ],
  [
    '9: a request waits',
    good,
    c => requestApproval(c, 1_000),
    { pendingApprovals: 1, lastApprovalRequestMs: 1_000 },
  ],
  [
    '9: … a count',
    requestApproval(good, 1_000),
    c => requestApproval(c, 1_100),
    { pendingApprovals: 2, lastApprovalRequestMs: 1_100 },
  ],
  ['9: … and waits no more', requestApproval(good, 1_000), endApprovalRequest, { pendingApprovals: 0 }],
  [
    '9: a decision replaces the one before',
    approve(good, true, 1_000),
    c => (approve(c, false, 1_500).approval?.granted === false ? c : off),
    NOTHING,
  ],
];

for (const [what, before, happen, expected] of ROWS) {
  test(`section ${what}`, () => {
    const copy = structuredClone(before);
    assert.deepEqual(difference(before, happen(before)), expected);
    assert.deepEqual(before, copy, 'a state is never changed');
  });
}

test('a decision holds for approval_duration from its call', () => {
  assert.deepEqual(approve(good, true, 1_500).approval, { granted: true, untilMs: 2_500 });
});

test('a transition that changes nothing returns the same client, so that nobody hears of it', () => {
  const happenings: readonly ((client: Client) => Client)[] = [
    c => tick(c, 500),
    disable,
    stopCheck,
    c => expire(c, 9_999),
    c => endCheck(c, OK, 1_000),
    c => set(c, { host: SETTINGS.host }, 1_000),
    c => set(c, {}, 1_000),
    c => extendAfterRelease(c, 1_000),
  ];
  for (const happen of happenings) assert.equal(happen(off), off);
  assert.equal(enable(good, 1_000), good);
  assert.equal(startCheck(checking), checking);
});
