import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedOk, startCheck } from '../../../server/client/checks.js';
import type { Client } from '../../../server/client/client.js';
import { createClient } from '../../../server/client/client.js';
import { BY_CONFIGURATION } from '../../../server/client/events.js';
import { countRelease } from '../../../server/client/releases.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import { disabling, Heart, settingsOf } from './heart.js';

/** Longer than a result of a check waits for others. */
const SOON_MS = 1_000;
/** Longer than a broken disk is left alone. */
const RETRY_MS = 5_000;
const BROKEN = { code: 'STATE' };

/** All clients of the heart stored as they are. */
async function start(...names: string[]): Promise<Heart> {
  return await startGathering(0, ...names);
}

async function startGathering(gatherMs: number, ...names: string[]): Promise<Heart> {
  const heart = new Heart(
    names.map(name => settingsOf(name)),
    { gatherMs },
  );
  heart.ledger.record(names, []);
  await heart.clock.pass(SOON_MS);
  heart.store.batches.length = 0;
  return heart;
}

function stored(heart: Heart, name = 'a') {
  return heart.store.stored.get(name);
}

function host(text: string): (client: Client) => Client {
  return client => changeSettings(client, { host: text }, 0);
}

/** Watches what a promise comes to. */
function watch(promise: Promise<void>): { state: string } {
  const watched = { state: 'open' };
  promise.then(
    () => (watched.state = 'done'),
    (error: unknown) => (watched.state = error instanceof Error ? error.message : 'failed'),
  );
  return watched;
}

test('a decision is stored, then it holds and is heard of, then it is acknowledged', async () => {
  const heart = await start('a');
  heart.store.isBusy = true;
  const decision = watch(heart.disable());
  await heart.clock.pass(60_000);
  assert.deepEqual(heart.store.words, ['a']);
  assert.equal(heart.client().enabled, true);
  assert.deepEqual(heart.said(), []);
  assert.equal(decision.state, 'open');
  heart.store.finish();
  await heart.clock.pass(0);
  assert.equal(stored(heart)?.state.enabled, false);
  assert.equal(heart.client().enabled, false);
  assert.deepEqual(heart.said(), ['enabled expiresMs nextCheckMs', 'disabled']);
  assert.equal(decision.state, 'done');
});

test('decisions of one turn share a write, and so do those that come while the disk is busy', async () => {
  const heart = await start('a', 'b', 'c', 'd');
  heart.store.isBusy = true;
  const decisions = [heart.disable('a'), heart.disable('b')].map(watch);
  await heart.clock.pass(0);
  decisions.push(...[heart.disable('c'), heart.disable('d')].map(watch));
  await heart.clock.pass(0);
  assert.deepEqual(heart.store.words, ['a b']);
  heart.store.finish();
  await heart.clock.pass(0);
  assert.deepEqual(heart.store.words, ['a b', 'c d']);
  assert.deepEqual(
    decisions.map(({ state }) => state),
    ['done', 'done', 'open', 'open'],
  );
  heart.store.finish();
  await heart.clock.pass(0);
  assert.ok(decisions.every(({ state }) => state === 'done'));
});

test('several decisions on one client in one write hold one after the other', async () => {
  const heart = await start('a');
  await Promise.all([heart.set({ host: 'h' }), heart.disable(), heart.enable(), heart.set({ checker: 'c' })]);
  assert.deepEqual(heart.store.words, ['a']);
  const { settings, enabled } = heart.client();
  assert.deepEqual([settings.host, settings.checker, enabled], ['h', 'c', true]);
  assert.deepEqual(stored(heart)?.overrides, { host: 'h', checker: 'c' });
  await Promise.all([heart.enable(), heart.disable()]);
  assert.deepEqual([heart.client().enabled, stored(heart)?.state.enabled], [false, false]);
});

test('a change of nobody is none, and a decision that changes nothing is not written', async () => {
  const heart = await start('a');
  await heart.disable('nobody');
  await heart.remove('nobody');
  await heart.enable('a');
  assert.deepEqual(heart.store.words, []);
  assert.deepEqual(heart.said(), []);
});

test('the changes of one decision hold together', async () => {
  const heart = await start('a', 'b');
  const c = createClient(settingsOf('c'), heart.clock.nowMs(), 0.5);
  const by = BY_CONFIGURATION;
  const changes = [
    { kind: 'add', client: c, by },
    { kind: 'update', name: 'a', transition: host('other') },
    { kind: 'remove', name: 'b', by },
  ] as const;
  heart.store.isBroken = true;
  await assert.rejects(heart.ledger.decide(changes), BROKEN);
  assert.equal(heart.client('a').settings.host, TEST_HOST);
  assert.equal(heart.registry.find('c'), undefined);
  assert.ok(heart.registry.find('b'));
  assert.deepEqual(heart.said(), []);
  heart.store.isBroken = false;
  heart.store.batches.length = 0;
  await heart.ledger.decide(changes);
  assert.deepEqual(heart.store.words, ['c a !b']);
  assert.deepEqual(heart.said(), ['added', 'settings', 'removed']);
  assert.deepEqual([...heart.store.stored.keys()], ['a', 'c']);
});

const TEST_HOST = settingsOf('a').host;

test('who is removed by an operator is remembered, and not any more when added again in the same write', async () => {
  const heart = await start('a', 'b');
  await heart.remove('b');
  assert.equal(stored(heart, 'b')?.removed, true);
  const again = createClient(settingsOf('a', { host: 'again' }), heart.clock.nowMs(), 0.5);
  await Promise.all([
    heart.remove('a'),
    heart.ledger.decide([{ kind: 'add', client: again, by: BY_CONFIGURATION }]),
  ]);
  assert.equal(heart.client('a'), again);
  assert.deepEqual(heart.store.words, ['-b', 'a']);
  assert.equal(stored(heart, 'a')?.removed, false);
});

test('a removal is remembered also when the store was to forget the name', async () => {
  const heart = await start('a');
  heart.ledger.record(['a'], ['a']);
  await heart.remove();
  await heart.clock.pass(SOON_MS);
  assert.equal(stored(heart)?.removed, true);
});

test('who was added at run time and is configured by the time that it is removed is remembered', async () => {
  const heart = await start('a');
  heart.store.isBusy = true;
  const added = { ...createClient(settingsOf('b'), heart.clock.nowMs(), 0.5), configured: undefined };
  heart.registry.add(added, BY_CONFIGURATION);
  const configured = { ...added, configured: added.settings };
  void heart.ledger.decide([{ kind: 'update', name: 'b', transition: () => configured }]);
  await heart.clock.pass(0);
  const removal = heart.remove('b');
  heart.store.isBusy = false;
  heart.store.finish();
  await removal;
  assert.equal(stored(heart, 'b')?.removed, true);
});

test('who is to be removed, which cannot be stored, is disabled', async () => {
  const heart = await start('a');
  heart.store.isBroken = true;
  await assert.rejects(heart.remove(), BROKEN);
  assert.equal(heart.client().enabled, false);
  assert.deepEqual(heart.said(), ['enabled expiresMs nextCheckMs', 'disabled']);
});

test('what becomes of a client while the disk is busy is not undone by the decision, and stored soon', async () => {
  const heart = await start('a');
  heart.store.isBusy = true;
  const decision = watch(heart.set({ host: 'other' }));
  await heart.clock.pass(0);
  heart.update('a', client => checkedOk(client, heart.clock.nowMs()));
  const { lastCheckedOkMs } = heart.client();
  heart.store.isBusy = false;
  heart.store.finish();
  await heart.clock.pass(0);
  assert.equal(decision.state, 'done');
  assert.equal(heart.client().settings.host, 'other');
  assert.equal(heart.client().lastCheckedOkMs, lastCheckedOkMs);
  assert.deepEqual(
    [stored(heart)?.overrides.host, stored(heart)?.state.lastCheckedOkMs],
    ['other', undefined],
  );
  await heart.clock.pass(SOON_MS);
  assert.deepEqual(
    [stored(heart)?.overrides.host, stored(heart)?.state.lastCheckedOkMs],
    ['other', lastCheckedOkMs],
  );
});

test('results of checks share a write within a second; what holds only while the server runs needs none', async () => {
  const heart = await start('a', 'b', 'c');
  heart.update('c', startCheck);
  heart.update('a', client => checkedOk(client, heart.clock.nowMs()));
  await heart.clock.pass(SOON_MS / 2);
  heart.update('b', client => checkedOk(client, heart.clock.nowMs()));
  await heart.clock.pass(SOON_MS / 2);
  assert.deepEqual(heart.store.words, ['a b']);
  await heart.clock.pass(60_000);
  assert.deepEqual(heart.store.words, ['a b']);
});

test('a decision on a client stores with it what was to be stored soon', async () => {
  const heart = await start('a');
  heart.update('a', client => checkedOk(client, heart.clock.nowMs()));
  await heart.disable();
  await heart.clock.pass(60_000);
  assert.deepEqual(heart.store.words, ['a']);
});

test('no write has more than 200 records that nobody waits for', async () => {
  const names = Array.from({ length: 500 }, (_, i) => `c${i}`);
  const heart = await start(...names);
  for (const name of names) heart.update(name, client => checkedOk(client, heart.clock.nowMs()));
  await heart.ledger.flush();
  assert.deepEqual(
    heart.store.batches.map(({ saved }) => saved.length),
    [200, 200, 100],
  );
});

test('when the disk is broken, a decision fails and does not hold, and the log says so once', async () => {
  const heart = await start('a');
  heart.store.isBroken = true;
  await assert.rejects(heart.set({ host: 'other' }), BROKEN);
  await assert.rejects(heart.approve(true), BROKEN);
  assert.equal(heart.client().settings.host, TEST_HOST);
  assert.equal(heart.client().approval, undefined);
  assert.deepEqual(heart.said(), []);
  assert.deepEqual(heart.lines, [
    'critical: the disk is broken; serving on, but decisions are refused, and a crash would lose what has changed',
  ]);
  heart.store.isBroken = false;
  await heart.set({ host: 'other' });
  assert.equal(heart.client().settings.host, 'other');
  assert.equal(heart.lines[1], 'warning: the state can be stored again');
});

test('when the disk is broken, a client that is disabled is, and the disk hears of it when it works again', async () => {
  const heart = await start('a');
  heart.store.isBroken = true;
  await assert.rejects(heart.disable(), BROKEN);
  assert.equal(heart.client().enabled, false);
  assert.deepEqual(heart.said(), ['enabled expiresMs nextCheckMs', 'disabled']);
  await assert.rejects(heart.enable(), BROKEN);
  assert.equal(heart.client().enabled, false);
  heart.store.isBroken = false;
  assert.equal(stored(heart)?.state.enabled, true);
  await heart.clock.pass(RETRY_MS);
  assert.equal(stored(heart)?.state.enabled, false);
});

test('when the disk is broken, only the disabling of what came together holds', async () => {
  const heart = await start('a', 'b');
  heart.store.isBroken = true;
  const decisions = [heart.set({ host: 'other' }, 'b'), heart.disable(), heart.enable(), heart.remove('b')];
  for (const decision of decisions) await assert.rejects(decision, BROKEN);
  assert.equal(heart.client('a').enabled, false);
  assert.equal(heart.client('b').settings.host, TEST_HOST);
});

test('when the disk is broken, a setting that disables its client disables it, and stays as it was', async () => {
  const heart = await start('a', 'b');
  heart.store.isBroken = true;
  await assert.rejects(heart.set({ timeoutMs: 0 }), BROKEN);
  await Promise.allSettled([heart.disable('b'), heart.enable('b'), heart.set({ timeoutMs: 0 }, 'b')]);
  for (const name of ['a', 'b']) {
    const { enabled, settings, configured } = heart.client(name);
    assert.equal(enabled, false);
    assert.equal(settings, configured);
  }
});

test('who finds a client disabled already that is not stored so waits until it is', async () => {
  const heart = await start('a');
  heart.store.isBroken = true;
  await assert.rejects(heart.disable(), BROKEN);
  heart.said();
  await assert.rejects(heart.disable(), BROKEN);
  heart.store.isBroken = false;
  await heart.disable();
  assert.equal(stored(heart)?.state.enabled, false);
  assert.deepEqual(heart.said(), []);
});

test('what was to be stored is not lost when it fails together with a decision on the same client', async () => {
  const heart = await start('a', 'b');
  heart.store.isBroken = true;
  for (const name of ['a', 'b']) heart.update(name, client => checkedOk(client, heart.clock.nowMs()));
  const [flushed, decision] = [heart.ledger.flush(), heart.set({ host: 'other' })];
  await assert.rejects(decision, BROKEN);
  await flushed;
  heart.store.isBroken = false;
  await heart.clock.pass(RETRY_MS);
  for (const name of ['a', 'b']) {
    assert.equal(stored(heart, name)?.state.lastCheckedOkMs, heart.client(name).lastCheckedOkMs);
  }
});

test('a flush right after a decision writes what is not stored', async () => {
  const heart = await start('a', 'b');
  heart.update('b', client => checkedOk(client, heart.clock.nowMs()));
  await heart.disable('a');
  await heart.ledger.flush();
  assert.deepEqual(heart.store.words, ['a', 'b']);
});

test('after a flush, what changes is stored by itself as before', async () => {
  const heart = await start('a');
  heart.update('a', client => checkedOk(client, heart.clock.nowMs()));
  await heart.ledger.flush();
  await heart.clock.pass(0);
  const timers = heart.clock.pending;
  heart.update('a', client => checkedOk(client, heart.clock.nowMs() + 1));
  assert.equal(heart.clock.pending, timers + 1);
  await heart.clock.pass(SOON_MS);
  assert.deepEqual(heart.store.words, ['a', 'a']);
});

test('a flush that fails is tried again', async () => {
  const heart = await start('a');
  heart.update('a', client => checkedOk(client, heart.clock.nowMs()));
  heart.store.isBroken = true;
  await heart.ledger.flush();
  heart.store.isBroken = false;
  await heart.clock.pass(RETRY_MS);
  assert.equal(stored(heart)?.state.lastCheckedOkMs, heart.client().lastCheckedOkMs);
});

test('names that are gone are forgotten, also after a failure, unless they are there again', async () => {
  const heart = await start('a', 'b', 'c');
  await heart.remove('b');
  await heart.remove('c');
  heart.ledger.record([], ['b', 'c']);
  heart.store.isBroken = true;
  await heart.ledger.flush();
  heart.store.isBroken = false;
  const client = createClient(settingsOf('c'), heart.clock.nowMs(), 0.5);
  await heart.ledger.decide([{ kind: 'add', client, by: BY_CONFIGURATION }]);
  await heart.clock.pass(RETRY_MS);
  assert.deepEqual([...heart.store.stored.keys()], ['a', 'c']);
  assert.equal(stored(heart, 'c')?.removed, false);
});

test('what decisions will make of a client can be known before they are stored', async () => {
  const heart = await start('a', 'b');
  heart.store.isBusy = true;
  const decisions = [heart.set({ host: 'other' })];
  await heart.clock.pass(0);
  decisions.push(heart.disable(), heart.remove('b'));
  assert.deepEqual(
    [heart.ledger.foresee('a')?.settings.host, heart.ledger.foresee('a')?.enabled],
    ['other', false],
  );
  assert.equal(heart.ledger.foresee('b'), undefined);
  assert.equal(heart.client().enabled, true);
  heart.store.isBusy = false;
  heart.store.finish();
  await Promise.all(decisions);
  assert.equal(heart.ledger.foresee('a'), heart.client());
});

test('what an event brings about is decided after it', async () => {
  const heart = await start('a', 'b');
  const done: Promise<void>[] = [];
  heart.registry.events.subscribe(event => {
    if (event.kind === 'disabled' && event.client.settings.name === 'a') done.push(heart.disable('b'));
  });
  await heart.ledger.decide([disabling('a')]);
  assert.equal(heart.client('b').enabled, true);
  await Promise.all(done);
  assert.equal(heart.client('b').enabled, false);
  assert.deepEqual(heart.store.words, ['a', 'b']);
});

/** Counts a release, which may wait for others. */
function count(heart: Heart, name: string): Promise<void> {
  return heart.ledger.decide([{ kind: 'update', name, transition: client => countRelease(client, 0) }], true);
}

test('releases of a fleet share writes: the first does not wait, others wait for more to come', async () => {
  const heart = await startGathering(5, 'a', 'b', 'c', 'd');
  await heart.clock.pass(5);
  const first = watch(count(heart, 'a'));
  await heart.clock.pass(0);
  assert.equal(first.state, 'done');
  const others = [watch(count(heart, 'b'))];
  await heart.clock.pass(4);
  others.push(watch(count(heart, 'c')));
  assert.deepEqual(heart.store.words, ['a']);
  await heart.clock.pass(1);
  assert.deepEqual(heart.store.words, ['a', 'b c']);
  assert.deepEqual(
    others.map(({ state }) => state),
    ['done', 'done'],
  );
  await heart.clock.pass(5);
  const late = watch(count(heart, 'd'));
  await heart.clock.pass(0);
  assert.equal(late.state, 'done');
});

test('what an operator decides waits for nobody, and takes waiting releases along', async () => {
  const heart = await startGathering(5, 'a', 'b', 'c');
  await heart.clock.pass(5);
  await Promise.all([count(heart, 'a'), heart.clock.pass(0)]);
  void count(heart, 'b');
  await heart.clock.pass(1);
  const decision = watch(heart.disable('c'));
  await heart.clock.pass(0);
  assert.deepEqual(heart.store.words, ['a', 'b c']);
  assert.equal(decision.state, 'done');
});

test('a stop does not wait for more releases either', async () => {
  const heart = await startGathering(5, 'a', 'b');
  await heart.clock.pass(5);
  await Promise.all([count(heart, 'a'), heart.clock.pass(0)]);
  const counted = watch(count(heart, 'b'));
  assert.equal(await heart.ledger.flush(), true);
  assert.equal(counted.state, 'done');
});
