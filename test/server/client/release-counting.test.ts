import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedOk } from '../../../server/client/checks.js';
import { createClient } from '../../../server/client/client.js';
import { BY_CONFIGURATION } from '../../../server/client/events.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import type { Heart } from './heart.js';
import { keyOf, settingsOf } from './heart.js';
import { COUNT_WAIT_MS, DELAY_MS, DURATION_MS, SECRET, start, startPlain } from './requests-scene.js';

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
