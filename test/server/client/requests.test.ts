import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedOk } from '../../../server/client/checks.js';
import { createClient } from '../../../server/client/client.js';
import { BY_CONFIGURATION } from '../../../server/client/events.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { Heart, keyOf, settingsOf } from './heart.js';

const SECRET = 'secret of a';
const DELAY_MS = 3_000;
const DURATION_MS = 2_000;
/** How long a release waits for a busy disk. */
const COUNT_WAIT_MS = 2_000;
const COUNTED = 'releases releasesSinceEnabled lastReleaseMs';
const ASKED = ['lastApprovalRequestMs pendingApprovals', `approval-needed: ${DELAY_MS}`];

/** A client `a` whose requests wait, if nothing else is said. */
function start(change: Partial<ClientSettings> = {}, ...others: ClientSettings[]): Heart {
  const a = settingsOf('a', {
    approvalDelayMs: DELAY_MS,
    approvalDurationMs: DURATION_MS,
    ...change,
  });
  return new Heart([a, ...others]);
}

/** A client without approval. */
function startPlain(): Heart {
  return start({ approvalDelayMs: 0 });
}

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

test('a client that is disabled, removed, denied or expires while its release is counted gets nothing', async () => {
  for (const [leave, outcome] of [
    [(heart: Heart) => heart.disable(), 'disabled'],
    [(heart: Heart) => heart.remove(), 'unknown'],
    [(heart: Heart) => heart.approve(false), 'denied'],
    [(heart: Heart) => heart.set({ timeoutMs: 0 }), 'disabled'],
    [(heart: Heart) => heart.set({ keyId: keyOf('other') }), 'unknown'],
  ] as const) {
    for (const isSlow of [false, true]) {
      const heart = startPlain();
      heart.store.isBusy = true;
      const asked = heart.ask();
      // Two decisions of one turn share a write; a turn later it waits for the next one.
      if (isSlow) await heart.clock.pass(0);
      const leaving = leave(heart);
      await heart.clock.pass(0);
      heart.store.finish();
      // The other one may still be on its way to the disk: it counts already.
      await heart.clock.pass(0);
      assert.equal(asked.outcome, outcome);
      heart.store.isBusy = false;
      heart.store.finish();
      await leaving;
      await heart.clock.pass(0);
      assert.equal(heart.events.filter(({ kind }) => kind === 'refused').length, 1);
    }
  }
});

test('a denial of no duration is for a release that is being counted, too', async () => {
  const heart = start({ approvalDelayMs: 0, approvalDurationMs: 0 });
  heart.store.isBusy = true;
  const asked = heart.ask();
  const denying = heart.approve(false);
  await heart.clock.pass(0);
  heart.store.isBusy = false;
  heart.store.finish();
  await denying;
  await heart.clock.pass(0);
  assert.equal(asked.outcome, 'denied');
});

test('a client whose time is up while its release is counted gets nothing', async () => {
  const heart = startPlain();
  await heart.set({ timeoutMs: 7_200_000 - 5_400_000 + 1_000 });
  heart.store.isBusy = true;
  const asked = heart.ask();
  await heart.clock.pass(1_000);
  heart.store.isBusy = false;
  heart.store.finish();
  await heart.clock.pass(0);
  assert.equal(asked.outcome, 'disabled');
});

test('a release does not wait longer than two seconds for the disk, and its count is not lost', async () => {
  for (const isBroken of [false, true]) {
    const heart = startPlain();
    heart.store.isBusy = true;
    const asked = heart.ask();
    await heart.clock.pass(COUNT_WAIT_MS - 1);
    assert.equal(asked.outcome, undefined);
    await heart.clock.pass(1);
    assert.equal(asked.outcome, SECRET);
    assert.deepEqual(heart.lines, ['error: a: releasing, although the state is not stored after 2 s']);
    asked.finish();
    heart.store.isBroken = isBroken;
    heart.store.isBusy = false;
    heart.store.finish();
    await heart.clock.pass(0);
    heart.store.isBroken = false;
    await heart.clock.pass(60_000);
    assert.equal(heart.client().releases, 1);
    assert.equal(heart.store.stored.get('a')?.state.releases, 1);
  }
});

test('with a disk that hangs, who is being disabled or removed gets nothing all the same', async () => {
  for (const leave of [(heart: Heart) => heart.disable(), (heart: Heart) => heart.remove()]) {
    const heart = startPlain();
    heart.store.isBusy = true;
    void leave(heart);
    await heart.clock.pass(0);
    const asked = heart.ask();
    await heart.clock.pass(COUNT_WAIT_MS);
    assert.match(asked.outcome ?? '', /^disabled$|^unknown$/);
  }
});

test('with a broken disk machines boot, and their releases are counted when it works again', async () => {
  const heart = startPlain();
  heart.store.isBroken = true;
  const asked = heart.ask();
  await heart.clock.pass(0);
  assert.equal(asked.outcome, SECRET);
  asked.finish();
  heart.store.isBroken = false;
  await heart.clock.pass(60_000);
  assert.equal(heart.store.stored.get('a')?.state.releases, 1);
});

test('who has closed while its release was counted gets no verdict, and pends no more', async () => {
  const heart = start();
  await heart.approve(true);
  heart.store.isBusy = true;
  const asked = heart.ask();
  await heart.clock.pass(0);
  asked.request.close();
  heart.store.isBusy = false;
  heart.store.finish();
  await heart.clock.pass(0);
  assert.equal(asked.verdict, undefined);
  asked.request.sent();
  assert.ok(!heart.events.some(({ kind }) => kind === 'released' || kind === 'refused'));
});

test('a request does not go with its key to another client, nor to one of the same name', async () => {
  const b = settingsOf('b', { approvalDelayMs: 0 });
  const heart = start({}, b);
  const asked = heart.ask();
  // The two swap their keys, as a new configuration may have it.
  const swap = (name: string, keyId: string) =>
    ({
      kind: 'update',
      name,
      transition: (client: typeof a) => changeSettings(client, { keyId }, 0),
    }) as const;
  const a = heart.client('a');
  await heart.ledger.decide([swap('a', keyOf('b')), swap('b', keyOf('a'))]);
  await heart.clock.pass(DELAY_MS);
  assert.equal(asked.outcome, 'unknown');
  assert.deepEqual([heart.client('a').pendingApprovals, heart.client('b').pendingApprovals], [0, 0]);
  const [ofA, ofB] = [heart.ask(keyOf('b')), heart.ask(keyOf('a'))];
  await heart.clock.pass(DELAY_MS);
  assert.deepEqual([ofA.outcome, ofB.outcome], [SECRET, 'secret of b']);
});

test('requests of a client that is removed and added again are over, and do not count with the new one', async () => {
  const heart = start();
  const waiting = heart.ask();
  await heart.approve(true);
  const released = heart.ask();
  await heart.clock.pass(0);
  assert.equal(released.outcome, SECRET);
  await heart.clock.pass(DURATION_MS);
  const another = heart.ask();
  const client = createClient(heart.client().settings, heart.clock.nowMs(), 0.5);
  await Promise.all([heart.remove(), heart.ledger.decide([{ kind: 'add', client, by: BY_CONFIGURATION }])]);
  const asked = heart.ask();
  waiting.request.close();
  const { expiresMs } = heart.client();
  released.finish();
  assert.equal(heart.client().expiresMs, expiresMs);
  another.request.close();
  await heart.clock.pass(0);
  assert.deepEqual([another.outcome, asked.outcome], ['unknown', undefined]);
  assert.equal(heart.client().pendingApprovals, 1);
});

test('a secret that was sent is said to be, also when the client is removed meanwhile', async () => {
  const heart = startPlain();
  const asked = heart.ask();
  await heart.clock.pass(0);
  await heart.remove();
  heart.said();
  asked.finish();
  assert.deepEqual(heart.said(), ['released']);
});

test('a release whose connection ends before the secret is sent whole is said to be interrupted', async () => {
  const heart = startPlain();
  const asked = heart.ask();
  await heart.clock.pass(0);
  heart.said();
  asked.request.close();
  assert.deepEqual(heart.said(), ['release-interrupted']);
  assert.equal(heart.client().releases, 1);
});

test('a release neither enables again nor extends what has expired', async () => {
  const heart = startPlain();
  const [first, second] = [heart.ask(), heart.ask()];
  await heart.clock.pass(0);
  await heart.disable();
  first.finish();
  assert.deepEqual([heart.client().enabled, heart.client().expiresMs], [false, undefined]);
  await heart.enable();
  heart.store.isBusy = true;
  const left = (heart.client().expiresMs ?? 0) - heart.clock.nowMs();
  await heart.clock.pass(left);
  assert.equal(heart.client().enabled, true, 'the disk has not taken it yet');
  second.finish();
  heart.update('a', client => checkedOk(client, heart.clock.nowMs()));
  heart.store.isBusy = false;
  heart.store.finish();
  await heart.clock.pass(0);
  assert.equal(heart.client().enabled, false);
});
