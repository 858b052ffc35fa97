import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedOk, endCheck, startCheck } from '../../../server/client/checks.js';
import type { CheckOutcome, Client } from '../../../server/client/client.js';
import { createClient, disable, enable } from '../../../server/client/client.js';
import { approve, countRelease, requestApproval } from '../../../server/client/releases.js';
import { restoreClients } from '../../../server/client/restore.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { decodeClient, digest, encodeClient } from '../../../server/state/record.js';
import { FAILED, OK, settingsOf } from './heart.js';

const BEFORE_MS = 1_000_000;
/** When the server starts again. */
const NOW_MS = 2_000_000;
const INTERVAL_MS = 60_000;
const RANDOM = 0.25;
const A = settingsOf('a', { intervalMs: INTERVAL_MS, timeoutMs: 300_000, approvalDurationMs: 50_000 });

/** What a store gives back of a client. */
function stored(client: Client, removed = false) {
  return decodeClient(encodeClient(client, removed));
}

function restore(configured: readonly ClientSettings[], ...before: ReturnType<typeof stored>[]) {
  return restoreClients(configured, before, { nowMs: NOW_MS, random: () => RANDOM, digest });
}

/** The only client that a restart comes to. */
function restart(before: Client, configured: ClientSettings | undefined = before.configured): Client {
  const { clients } = restore(configured ? [configured] : [], stored(before));
  const [client, another] = clients;
  assert.ok(client && !another);
  return client;
}

/** A client of before the restart, in service, with its time up after or before the start. */
function running(change: Partial<Client> = {}): Client {
  return { ...createClient(A, BEFORE_MS, 0.5), expiresMs: NOW_MS + 1, ...change };
}

function checked(outcome: CheckOutcome, expiresMs: number): Client {
  const client = endCheck(startCheck(createClient(A, BEFORE_MS, 0.5)), outcome, BEFORE_MS + 1);
  return { ...client, expiresMs };
}

test('section 10, any enabled: the facts are kept; the first check and the end of its time are as at any start', () => {
  let before = checked(FAILED, NOW_MS + 1);
  before = countRelease(requestApproval(before, BEFORE_MS + 2), BEFORE_MS + 3);
  const after = restart({ ...before, lastCheckedOkMs: BEFORE_MS - 5 });
  const firstMs = NOW_MS + RANDOM * INTERVAL_MS;
  assert.deepEqual(after, {
    ...before,
    settings: A,
    configured: A,
    lastCheckedOkMs: BEFORE_MS - 5,
    nextCheckMs: firstMs,
    expiresMs: firstMs + INTERVAL_MS,
    checking: false,
    unchecked: true,
    pendingApprovals: 0,
  });
});

test('section 10, time up in the downtime: enabled only when the last check was good', () => {
  const never = running({ expiresMs: NOW_MS });
  for (const [what, before, enabled] of [
    ['last status 0', checked(OK, NOW_MS), true],
    ['last status not 0', checked(FAILED, NOW_MS), false],
    ['killed', checked({ kind: 'killed', signal: 9 }, NOW_MS), false],
    ['never checked', never, false],
    ['last status not 0, time not up', checked(FAILED, NOW_MS + 1), true],
    ['vouched for', checkedOk(checked(FAILED, NOW_MS), BEFORE_MS), true],
  ] as const) {
    const { clients, expired } = restore([A], stored({ ...before, expiresMs: before.expiresMs }));
    assert.equal(clients[0]?.enabled, enabled, what);
    assert.deepEqual(
      expired.map(({ name }) => name),
      enabled ? [] : ['a'],
      what,
    );
    if (enabled) continue;
    const why =
      before === never ? 'no check of it has ended so far' : 'none of its checks has succeeded so far';
    assert.equal(expired[0]?.reason, `its time was up while no server ran: ${why}`);
    assert.deepEqual([clients[0]?.expiresMs, clients[0]?.nextCheckMs], [undefined, undefined], what);
    assert.equal(clients[0]?.lastEnabledMs, BEFORE_MS, what);
  }
});

test('section 10, disabled stays disabled, and what is known of it is kept', () => {
  const before = disable(checked(OK, NOW_MS + 1));
  const after = restart(before);
  assert.deepEqual(after, { ...before, unchecked: true });
  assert.deepEqual(restore([A], stored(before)).expired, []);
});

test('section 10, enabled at run time against an unchanged configuration stays enabled', () => {
  const configured = { ...A, enabled: false };
  const before = enable(createClient(configured, BEFORE_MS, 0.5), NOW_MS - 1);
  assert.equal(restart(before).enabled, true);
  assert.equal(restart(before).lastEnabledMs, NOW_MS - 1);
});

test('section 10, another "enabled" in the configuration wins', () => {
  const off = restart(running(), { ...A, enabled: false });
  assert.deepEqual([off.enabled, off.expiresMs], [false, undefined]);
  assert.deepEqual(restore([{ ...A, enabled: false }], stored(running())).expired, [], 'it did not expire');
  const configuredOff = createClient({ ...A, enabled: false }, BEFORE_MS, 0.5);
  const on = restart({ ...configuredOff, lastEnabledMs: BEFORE_MS }, A);
  assert.deepEqual([on.enabled, on.lastEnabledMs], [true, NOW_MS]);
  const disabledByOperator = restart(disable(running()), A);
  assert.equal(disabledByOperator.enabled, false, 'it is as it was');
});

test('section 10, settings of the run time are kept unless the configuration has another value now', () => {
  const secret = Uint8Array.from(Buffer.from('set at run time'));
  const changes = { timeoutMs: 1, host: 'h', checker: 'c', approvalDelayMs: 2, intervalMs: 3, secret };
  const before = changeSettings(running(), changes, BEFORE_MS);
  assert.deepEqual(restart(before).settings, { ...A, ...changes });
  const other = Buffer.from('another one');
  for (const [key, value] of [
    ['timeoutMs', 10],
    ['host', 'h2'],
    ['checker', 'c2'],
    ['approvalDelayMs', 20],
    ['intervalMs', 30],
    ['secret', other],
    ['secret', new Uint8Array()],
    // Not set at run time.
    ['extendedTimeoutMs', 40],
    ['approvedByDefault', false],
  ] as const) {
    const configured = { ...A, [key]: value };
    assert.deepEqual(restart(before, configured).settings, { ...A, ...changes, [key]: value });
    // The next restart finds the same.
    assert.deepEqual(
      restart(restart(before, configured), configured).settings,
      restart(before, configured).settings,
    );
  }
});

test('a client without settings of the run time shares them with the configuration', () => {
  const { settings, configured } = restart(running());
  assert.equal(settings, configured);
});

test('section 10, new ones begin anew, those no longer configured are forgotten', () => {
  const b = settingsOf('b');
  const { clients, forgotten, removed } = restore(
    [b],
    stored(running()),
    stored(running({ settings: settingsOf('c') }), true),
  );
  assert.deepEqual(clients, [createClient(b, NOW_MS, RANDOM)]);
  assert.deepEqual(forgotten, ['a', 'c']);
  assert.deepEqual(removed, []);
});

test('section 10, removed by an operator stays away until its configuration is another', () => {
  const tombstone = stored(running(), true);
  const same = restore([A], tombstone);
  assert.deepEqual([same.clients, same.removed], [[], ['a']]);
  for (const change of [
    { host: 'other' },
    { secret: Buffer.from('other') },
    { enabled: false },
    { intervalMs: 1 },
  ]) {
    const configured = { ...A, ...change };
    const { clients, removed } = restore([configured], tombstone);
    assert.deepEqual(clients, [createClient(configured, NOW_MS, RANDOM)]);
    assert.deepEqual(removed, []);
  }
});

test('a client that stays away is not said to have expired with the one before it', () => {
  const z = settingsOf('z');
  const { expired } = restore(
    [A, z],
    stored(disable(running())),
    stored(createClient(z, BEFORE_MS, 0), true),
  );
  assert.deepEqual(expired, []);
});

test('a client that the configuration has never named is kept, until it names it', () => {
  const added = { ...running({ lastCheckedOkMs: BEFORE_MS }), configured: undefined };
  const after = restart(added, undefined);
  assert.deepEqual(after.settings, { ...A, secret: Uint8Array.from(A.secret) });
  assert.equal(after.configured, undefined);
  assert.deepEqual([after.enabled, after.lastCheckedOkMs], [true, BEFORE_MS]);
  assert.equal(restart(disable(added), undefined).enabled, false);
  assert.equal(restart({ ...added, expiresMs: NOW_MS }, undefined).enabled, false);
  assert.equal(restore([], stored({ ...added, expiresMs: NOW_MS })).expired.length, 1);
  const named = restart(added, { ...A, host: 'of the configuration' });
  assert.equal(named.settings.host, 'of the configuration');
  assert.equal(restart(disable(added), A).enabled, false, 'disabled stays disabled');
});

test('an operator’s decision outlives a restart, but not for longer than it would hold if made now', () => {
  const before = approve(running(), true, NOW_MS - 10_000);
  assert.deepEqual(restart(before).approval, { granted: true, untilMs: NOW_MS + 40_000 });
  // The clock was set back.
  const future = approve(running(), true, NOW_MS + 1e9);
  assert.deepEqual(restart(future).approval, { granted: true, untilMs: NOW_MS + 50_000 });
});

test('what a server has stored that knew nothing of release_check and the others is read with their defaults', () => {
  const configured = { ...A, releaseCheck: 'warn' } as const;
  const younger = ['releaseCheck', 'maxReleases', 'releaseWindow', 'releasesSinceEnabled'];
  const old = (client: Client, removed = false) =>
    decodeClient(
      JSON.stringify(JSON.parse(encodeClient(client, removed)), (key, value: unknown) =>
        younger.includes(key) ? undefined : value,
      ),
    );
  const before = countRelease(createClient(configured, BEFORE_MS, RANDOM), BEFORE_MS);
  const [restored] = restore([configured], old(before)).clients;
  assert.equal(restored?.releases, 1);
  assert.equal(restored.releasesSinceEnabled, 0);
  assert.equal(restored.settings, configured);
  // The configuration names what it did not: that holds.
  const denied = { ...configured, releaseCheck: 'deny', maxReleases: 2 } as const;
  assert.equal(restore([denied], old(before)).clients[0]?.settings, denied);
  // One that was removed does not come back by the new version alone.
  assert.deepEqual(restore([configured], old(before, true)).removed, ['a']);
  // One that was added at run time has them too.
  const added = restore([], old({ ...before, configured: undefined })).clients[0]?.settings;
  assert.deepEqual([added?.releaseCheck, added?.maxReleases, added?.releaseWindow], ['warn', 0, '']);
});
