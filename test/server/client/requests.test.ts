import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Heart } from './heart.js';
import { ASKED, COUNTED, DELAY_MS, DURATION_MS, SECRET, start, startPlain } from './requests-scene.js';

test('section 7: a release is counted, then the secret is sent and the time extended, then it is said', async () => {
  const heart = startPlain();
  const asked = heart.ask();
  await heart.clock.pass(0);
  assert.equal(asked.outcome, SECRET);
  assert.deepEqual(heart.said(), [COUNTED]);
  assert.equal(heart.store.stored.get('a')?.state.releases, 1);
  asked.finish();
  assert.deepEqual(heart.said(), ['expiresMs unchecked', 'released']);
  assert.equal(heart.client().expiresMs, heart.client().settings.extendedTimeoutMs);
  assert.equal(heart.client().lastApprovalRequestMs, undefined);
});

test('section 7: each release extends anew, and two at once are both served', async () => {
  const heart = startPlain();
  const both = [heart.ask(), heart.ask()];
  await heart.clock.pass(0);
  for (const asked of both) {
    assert.equal(asked.outcome, SECRET);
    await heart.clock.pass(1_000);
    asked.finish();
    assert.equal(heart.client().expiresMs, heart.clock.nowMs() + 9_000_000);
  }
  assert.deepEqual(heart.said(), [
    COUNTED,
    'releases releasesSinceEnabled',
    'expiresMs unchecked',
    'released',
    'expiresMs',
    'released',
  ]);
  assert.equal(heart.client().releases, 2);
});

test('section 7: a disabled client and an unknown key are refused at once', async () => {
  const heart = startPlain();
  await heart.disable();
  heart.said();
  const [disabled, unknown] = [heart.ask(), heart.ask('ff'.repeat(32))];
  assert.deepEqual(heart.said(), ['refused: disabled', 'refused: unknown']);
  await heart.clock.pass(0);
  assert.deepEqual([disabled.outcome, unknown.outcome], ['disabled', 'unknown']);
  disabled.finish();
  unknown.finish();
  assert.deepEqual(heart.said(), []);
});

test('section 9: the delay is over, default true: released', async () => {
  const heart = start();
  const asked = heart.ask();
  assert.deepEqual(heart.said(), ASKED);
  await heart.clock.pass(DELAY_MS - 1);
  assert.equal(asked.outcome, undefined);
  assert.equal(heart.client().pendingApprovals, 1);
  await heart.clock.pass(1);
  assert.equal(asked.outcome, SECRET);
  asked.finish();
  assert.deepEqual(heart.said(), [COUNTED, 'expiresMs unchecked', 'released', 'pendingApprovals']);
  assert.equal(heart.client().pendingApprovals, 0);
});

test('section 9: the delay is over, default false: refused', async () => {
  const heart = start({ approvedByDefault: false });
  const asked = heart.ask();
  heart.said();
  await heart.clock.pass(DELAY_MS);
  assert.equal(asked.outcome, 'approval-timeout');
  assert.deepEqual(heart.said(), ['refused: approval-timeout', 'pendingApprovals']);
  assert.equal(heart.client().pendingApprovals, 0);
});

test('section 9: approved while waiting: released, and the delay means nothing any more', async () => {
  const heart = start({ approvedByDefault: false });
  const asked = heart.ask();
  heart.said();
  await heart.approve(true);
  await heart.clock.pass(0);
  assert.equal(asked.outcome, SECRET);
  assert.deepEqual(heart.said(), ['approval', 'approved', COUNTED]);
  asked.finish();
  await heart.clock.pass(60_000);
  assert.deepEqual(heart.said(), ['expiresMs unchecked', 'released', 'pendingApprovals']);
});

test('section 9: denied while waiting: refused, whatever the default', async () => {
  const heart = start();
  const asked = heart.ask();
  heart.said();
  await heart.approve(false);
  await heart.clock.pass(60_000);
  assert.equal(asked.outcome, 'denied');
  assert.deepEqual(heart.said(), ['approval', 'denied', 'refused: denied', 'pendingApprovals']);
});

test('section 9: a decision made before holds for approval_duration from its call, for any number of requests', async () => {
  const heart = start({ approvedByDefault: false });
  await heart.approve(true);
  await heart.clock.pass(DURATION_MS - 1);
  const asked = [heart.ask(), heart.ask(), heart.ask()];
  await heart.clock.pass(0);
  assert.deepEqual(
    asked.map(({ outcome }) => outcome),
    [SECRET, SECRET, SECRET],
  );
  assert.equal(heart.client().lastApprovalRequestMs, undefined);
  heart.said();
  await heart.clock.pass(1);
  const late = heart.ask();
  assert.deepEqual(heart.said(), ASKED);
  await heart.clock.pass(DELAY_MS);
  assert.equal(late.outcome, 'approval-timeout');
});

test('section 9: a denial made before holds too, also without approval_delay', async () => {
  for (const heart of [start(), startPlain()]) {
    await heart.approve(false);
    const asked = heart.ask();
    await heart.clock.pass(DURATION_MS);
    assert.equal(asked.outcome, 'denied');
    const later = heart.ask();
    await heart.clock.pass(DELAY_MS);
    assert.equal(later.outcome, SECRET);
  }
});

test('section 9: a later decision replaces an earlier one, and holds for its own time', async () => {
  const heart = start({ approvedByDefault: false });
  await heart.approve(true);
  await heart.clock.pass(1_100);
  await heart.approve(false);
  await heart.clock.pass(1_500);
  const denied = heart.ask();
  await heart.approve(true);
  const granted = heart.ask();
  await heart.clock.pass(0);
  assert.deepEqual([denied.outcome, granted.outcome], ['denied', SECRET]);
});

test('section 9: each request waits for itself, one decision is for all, and pending is a count', async () => {
  const heart = start({ approvedByDefault: false });
  const first = heart.ask();
  await heart.clock.pass(1_000);
  const [second, third] = [heart.ask(), heart.ask()];
  assert.equal(heart.client().pendingApprovals, 3);
  await heart.clock.pass(DELAY_MS - 1_000);
  assert.deepEqual([first.outcome, second.outcome], ['approval-timeout', undefined]);
  assert.equal(heart.client().pendingApprovals, 2);
  await heart.approve(true);
  await heart.clock.pass(0);
  assert.deepEqual([second.outcome, third.outcome], [SECRET, SECRET]);
  second.finish();
  assert.equal(heart.client().pendingApprovals, 1);
  third.finish();
  assert.equal(heart.client().pendingApprovals, 0);
});

test('section 9: who disconnects while waiting is forgotten at once, and nothing becomes of it', async () => {
  const heart = start();
  const asked = heart.ask();
  const timers = heart.clock.pending;
  heart.said();
  asked.request.close();
  assert.equal(heart.clock.pending, timers - 1);
  assert.deepEqual(heart.said(), ['pendingApprovals']);
  await heart.approve(true);
  await heart.clock.pass(DELAY_MS);
  assert.equal(asked.outcome, undefined);
  asked.request.close();
  asked.request.sent();
  assert.equal(heart.client().pendingApprovals, 0);
  assert.equal(heart.client().releases, 0);
  assert.deepEqual(heart.said(), ['approval', 'approved']);
});

test('section 9: disabled while waiting: refused at once; so is who expires or is removed', async () => {
  for (const leave of [
    (heart: Heart) => heart.disable(),
    (heart: Heart) => heart.set({ timeoutMs: 0 }),
    (heart: Heart) => heart.remove(),
  ]) {
    const heart = start();
    const asked = heart.ask();
    await leave(heart);
    await heart.clock.pass(0);
    assert.match(asked.outcome ?? '', /^disabled$|^unknown$/);
    assert.equal(heart.registry.find('a')?.pendingApprovals ?? 0, 0);
    await heart.approve(true);
    await heart.clock.pass(DELAY_MS);
    assert.equal(heart.events.filter(({ kind }) => kind === 'refused').length, 1);
    assert.ok(!heart.events.some(({ kind }) => kind === 'released'));
  }
});

test('section 9: approved_by_default counts as it is when the delay ends, approval_delay as it was at the request', async () => {
  for (const approvedByDefault of [true, false]) {
    const heart = start({ approvedByDefault: !approvedByDefault });
    const asked = heart.ask();
    await heart.set({ approvedByDefault, approvalDelayMs: 60_000 });
    await heart.clock.pass(DELAY_MS - 1);
    assert.equal(asked.outcome, undefined);
    await heart.clock.pass(1);
    assert.equal(asked.outcome, approvedByDefault ? SECRET : 'approval-timeout');
  }
});

test('section 9: without approval_delay, who is not approved by default needs an approval given before', async () => {
  const heart = start({ approvalDelayMs: 0, approvedByDefault: false });
  const refused = heart.ask();
  await heart.approve(true);
  const granted = heart.ask();
  await heart.clock.pass(0);
  assert.deepEqual([refused.outcome, granted.outcome], ['approval-timeout', SECRET]);
  assert.equal(heart.client().lastApprovalRequestMs, undefined);
});

test('an approval_duration of zero decides what waits now, and nothing after it', async () => {
  for (const [granted, outcome] of [
    [true, SECRET],
    [false, 'denied'],
  ] as const) {
    const heart = start({ approvalDurationMs: 0, approvedByDefault: !granted });
    const asked = heart.ask();
    await heart.clock.pass(1);
    await heart.approve(granted);
    await heart.clock.pass(1);
    assert.equal(asked.outcome, outcome);
    const later = heart.ask();
    await heart.clock.pass(0);
    assert.equal(later.outcome, undefined);
    await heart.clock.pass(DELAY_MS);
    assert.notEqual(later.outcome, outcome);
  }
});

test('a decision that the disk takes longer to store than it holds decides what waited, and nothing after it', async () => {
  const heart = start({ approvedByDefault: false, approvalDelayMs: 60_000 });
  const asked = heart.ask();
  heart.store.isBusy = true;
  const approving = heart.approve(true);
  await heart.clock.pass(DURATION_MS / 2);
  const covered = heart.ask();
  await heart.clock.pass(DURATION_MS);
  const later = heart.ask();
  assert.equal(asked.outcome, undefined);
  heart.store.isBusy = false;
  heart.store.finish();
  await approving;
  await heart.clock.pass(0);
  assert.deepEqual([asked.outcome, covered.outcome, later.outcome], [SECRET, SECRET, undefined]);
});

test('an approval that cannot be stored decides nothing; a denial holds', async () => {
  const heart = start({ approvedByDefault: false });
  const asked = heart.ask();
  heart.store.isBroken = true;
  await assert.rejects(heart.approve(true), { code: 'STATE' });
  assert.equal(asked.outcome, undefined);
  await heart.clock.pass(DELAY_MS);
  assert.equal(asked.outcome, 'approval-timeout');
  const default_ = start({ approvedByDefault: true });
  const waiting = default_.ask();
  default_.store.isBroken = true;
  await assert.rejects(default_.approve(false), { code: 'STATE' });
  assert.equal(waiting.outcome, 'denied');
  assert.deepEqual(default_.said().slice(-3), ['denied', 'refused: denied', 'pendingApprovals']);
});

test('a denial that a hanging disk does not store in time is for what waited when it was made', async () => {
  const heart = start({ approvalDelayMs: DURATION_MS / 2 });
  const asked = heart.ask();
  heart.store.isBusy = true;
  void heart.approve(false);
  await heart.clock.pass(DELAY_MS + 60_000);
  assert.equal(asked.outcome, 'denied');
});
