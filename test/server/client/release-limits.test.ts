import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckOutcome } from '../../../server/client/client.js';
import { RELEASE_CHECK_GOOD_MS } from '../../../server/client/release-checks.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import type { HeartOptions } from './heart.js';
import { FAILED, Heart, OK, OPERATOR, settingsOf, TestStore } from './heart.js';

const SECRET = 'secret of a';
const DELAY_MS = 3_000;
const COUNT_WAIT_MS = 2_000;

/** A client `a` whose checker ends when the test says so. */
function start(change: Partial<ClientSettings>, options: HeartOptions = {}) {
  const checks: ((outcome: CheckOutcome) => void)[] = [];
  const heart = new Heart([settingsOf('a', change)], {
    checkNow: () => new Promise(resolve => checks.push(resolve)),
    ...options,
  });
  return { heart, checks };
}

test('warn: a release does not wait for the checker, and the alarm comes when it succeeds', async () => {
  const { heart, checks } = start({ releaseCheck: 'warn' });
  const asked = heart.ask();
  await heart.clock.pass(0);
  assert.equal(asked.outcome, SECRET);
  asked.finish();
  const before = heart.client();
  heart.said();
  checks[0]?.(OK);
  await heart.clock.pass(0);
  // No change of the client, so that no thief keeps a stolen machine enabled, and nothing is signalled.
  assert.deepEqual(heart.said(), ['impostor']);
  assert.equal(heart.client(), before);
});

test('warn: a machine that is down raises no alarm; nor does any with "off", which is not even checked', async () => {
  const { heart, checks } = start({ releaseCheck: 'warn' });
  heart.ask();
  checks[0]?.(FAILED);
  await heart.clock.pass(0);
  assert.ok(!heart.said().includes('impostor'));
  const off = start({ releaseCheck: 'off' });
  off.heart.ask();
  await off.heart.clock.pass(0);
  assert.equal(off.checks.length, 0);
});

test('deny: a request waits for the checker, and is refused before it is counted when the machine is up', async () => {
  const { heart, checks } = start({ releaseCheck: 'deny' });
  const asked = heart.ask();
  await heart.clock.pass(60_000);
  assert.equal(asked.outcome, undefined);
  checks[0]?.(OK);
  await heart.clock.pass(0);
  assert.equal(asked.outcome, 'impostor');
  assert.deepEqual(heart.said(), ['impostor', 'refused: impostor']);
  assert.equal(heart.client().releases, 0);
});

test('deny: a machine that does not answer, or whose checker is ended or cannot be run, gets its secret', async () => {
  const outcomes: readonly CheckOutcome[] = [
    FAILED,
    { kind: 'killed', signal: 15 },
    { kind: 'exited', status: 127 },
    { kind: 'exited', status: 126 },
  ];
  for (const outcome of outcomes) {
    const { heart, checks } = start({ releaseCheck: 'deny' });
    const asked = heart.ask();
    checks[0]?.(outcome);
    await heart.clock.pass(0);
    assert.equal(asked.outcome, SECRET);
    assert.ok(!heart.said().includes('impostor'));
  }
});

test('deny: what happens to a client while its checker runs counts', async () => {
  const happenings: readonly (readonly [string, (heart: Heart) => Promise<void>])[] = [
    ['disabled', heart => heart.disable()],
    ['denied', heart => heart.approve(false)],
    ['unknown', heart => heart.remove()],
  ];
  for (const [code, happen] of happenings) {
    const { heart, checks } = start({ releaseCheck: 'deny', approvalDurationMs: 1_000 });
    const asked = heart.ask();
    await happen(heart);
    checks[0]?.(FAILED);
    await heart.clock.pass(0);
    assert.equal(asked.outcome, code);
  }
});

test('deny: a request that has waited for approval is checked again, as the machine may be up by then', async () => {
  const { heart, checks } = start({
    releaseCheck: 'deny',
    approvalDelayMs: 60_000,
    approvedByDefault: false,
  });
  const asked = heart.ask();
  checks[0]?.(FAILED);
  await heart.clock.pass(RELEASE_CHECK_GOOD_MS);
  await heart.approve(true);
  await heart.clock.pass(0);
  assert.equal(checks.length, 2);
  assert.equal(asked.outcome, undefined);
  checks[1]?.(OK);
  await heart.clock.pass(0);
  assert.equal(asked.outcome, 'impostor');
  assert.equal(heart.client().pendingApprovals, 0);
});

test('deny: one that waits for approval is refused as soon as the machine answers', async () => {
  const { heart, checks } = start({ releaseCheck: 'deny', approvalDelayMs: 60_000 });
  const asked = heart.ask();
  checks[0]?.(OK);
  await heart.clock.pass(0);
  assert.equal(asked.outcome, 'impostor');
});

test('deny that a reload makes a warning of while the checker runs: the request goes on, with an alarm', async () => {
  const { heart, checks } = start({ releaseCheck: 'deny' });
  const asked = heart.ask();
  await heart.set({ releaseCheck: 'warn' });
  checks[0]?.(OK);
  await heart.clock.pass(0);
  assert.equal(asked.outcome, SECRET);
  assert.ok(heart.said().includes('impostor'));
});

test('one run is for all who ask at the time, is good for a while, and raises one alarm for each address', async () => {
  const { heart, checks } = start({ releaseCheck: 'warn' });
  heart.ask();
  heart.ask();
  assert.equal(checks.length, 1);
  checks[0]?.(OK);
  await heart.clock.pass(RELEASE_CHECK_GOOD_MS - 1);
  heart.ask();
  await heart.clock.pass(0);
  assert.equal(checks.length, 1);
  assert.equal(heart.said().filter(word => word === 'impostor').length, 1);
  await heart.clock.pass(1);
  heart.ask();
  assert.equal(checks.length, 2);
  checks[1]?.(OK);
  await heart.clock.pass(0);
  assert.equal(heart.said().filter(word => word === 'impostor').length, 1);
});

test('another checker is another question, be the last result as fresh as it may', async () => {
  const { heart, checks } = start({ releaseCheck: 'deny' });
  heart.ask();
  checks[0]?.(OK);
  await heart.set({ checker: 'another' });
  const asked = heart.ask();
  checks[1]?.(FAILED);
  await heart.clock.pass(0);
  assert.equal(asked.outcome, SECRET);
});

test('who is refused anyway is not checked for', async () => {
  const { heart, checks } = start({ releaseCheck: 'deny', enabled: false });
  assert.equal((heart.ask(), checks.length), 0);
});

test('max_releases: of two at once one gets the last release, and enabling anew begins anew', async () => {
  const { heart } = start({ maxReleases: 1 });
  const both = [heart.ask(), heart.ask()];
  await heart.clock.pass(0);
  assert.deepEqual(
    both.map(({ outcome }) => outcome),
    [SECRET, 'too-many-releases'],
  );
  assert.equal(heart.client().enabled, true);
  const third = heart.ask();
  await heart.clock.pass(0);
  assert.match(
    third.verdict?.kind === 'refuse' ? third.verdict.reason : '',
    /the one release of its max_releases since it was enabled \(to go on, disable and enable it\)/,
  );
  await heart.disable();
  await heart.enable();
  const fourth = heart.ask();
  await heart.clock.pass(0);
  assert.equal(fourth.outcome, SECRET);
  assert.equal(heart.client().releases, 2);
});

test('max_releases: the last one is one also for those that wait for approval, and for a disk that is slow or broken', async () => {
  for (const disk of ['works', 'slow', 'broken']) {
    const { heart } = start({ maxReleases: 1, approvalDelayMs: DELAY_MS });
    const all = [heart.ask(), heart.ask(), heart.ask()];
    heart.store.isBusy = disk === 'slow';
    heart.store.isBroken = disk === 'broken';
    await heart.clock.pass(DELAY_MS + COUNT_WAIT_MS);
    const outcomes = all.map(({ outcome }) => outcome);
    assert.deepEqual(outcomes, [SECRET, 'too-many-releases', 'too-many-releases'], disk);
  }
});

test('max_releases: a limit that is lowered while a release is counted holds for it', async () => {
  const { heart } = start({ maxReleases: 3 });
  heart.ask();
  heart.ask();
  await heart.clock.pass(0);
  heart.store.isBusy = true;
  const asked = heart.ask();
  await heart.clock.pass(0);
  const lowered = heart.set({ maxReleases: 2 });
  heart.store.finish();
  heart.store.isBusy = false;
  await heart.clock.pass(0);
  await lowered;
  assert.equal(asked.outcome, 'too-many-releases');
});

test('max_releases: the count survives a crash and a restart, and is gone with a client that is removed', async () => {
  const store = new TestStore();
  const { heart } = start({ maxReleases: 1 }, { store });
  heart.ask();
  await heart.clock.pass(0);
  heart.crash();
  const again = new Heart([settingsOf('a', { maxReleases: 1 })], { store });
  const refused = again.ask();
  await again.clock.pass(0);
  assert.equal(refused.outcome, 'too-many-releases');
  const enabledAnew = new Heart([settingsOf('a', { maxReleases: 1, enabled: false })], { store });
  await enabledAnew.ledger.flush();
  assert.equal(enabledAnew.client().enabled, false);
  await enabledAnew.enable();
  assert.equal(enabledAnew.client().releasesSinceEnabled, 0);
});

test('release_window: outside it a request is refused, whoever approves; also when it closes while one waits', async () => {
  const { heart } = start({ releaseWindow: 'Mon 00:01-00:02', approvalDelayMs: 90_000 });
  const early = heart.ask();
  await heart.clock.pass(0);
  assert.equal(early.outcome, 'outside-window');
  assert.match(early.verdict?.kind === 'refuse' ? early.verdict.reason : '', /begins again Mon 00:01$/);
  await heart.clock.pass(60_000);
  const inTime = heart.ask();
  assert.equal(heart.client().pendingApprovals, 1);
  await heart.approve(true);
  await heart.clock.pass(0);
  assert.equal(inTime.outcome, SECRET);
  // The approval does not hold any more.
  await heart.clock.pass(2_000);
  const tooSlow = heart.ask();
  await heart.clock.pass(58_000);
  assert.equal(tooSlow.outcome, undefined);
  await heart.approve(true);
  await heart.clock.pass(0);
  assert.equal(tooSlow.outcome, 'outside-window');
  assert.equal(heart.client().releases, 1);
});

test('no more requests of one client wait for an operator than may; another limit holds at once', async () => {
  let most = 2;
  const { heart } = start(
    { approvalDelayMs: DELAY_MS, approvedByDefault: false },
    { maxPendingApprovals: () => most },
  );
  const [first, second, third] = [heart.ask(), heart.ask(), heart.ask()];
  await heart.clock.pass(0);
  assert.deepEqual(
    [first, second, third].map(asked => asked?.outcome),
    [undefined, undefined, 'too-many-pending'],
  );
  assert.equal(heart.client().pendingApprovals, 2);
  most = 3;
  const fourth = heart.ask();
  await heart.clock.pass(0);
  assert.equal(fourth.outcome, undefined);
  first?.request.close();
  const fifth = heart.ask();
  await heart.clock.pass(0);
  assert.equal(fifth.outcome, undefined);
  await heart.requests.approve('a', true, OPERATOR);
  await heart.clock.pass(0);
  assert.equal(second?.outcome, SECRET);
});
