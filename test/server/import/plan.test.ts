import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../../server/client/client.js';
import { overridesOf } from '../../../server/client/restore.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import type { ImportedClient, ImportedConfiguration } from '../../../server/import/imported-client.js';
import type { ImportPlan } from '../../../server/import/plan.js';
import { planImport } from '../../../server/import/plan.js';
import { pick, seededRandom } from '../../support/random.js';
import { client, configuration, KEY_ID, NOW_MS, OTHER_KEY_ID, SECRET, settings } from './samples.js';

/** From `mandos-ctl --dump-json`. */
const fromJson = (configured: readonly ClientSettings[], clients: readonly ImportedClient[]): ImportPlan =>
  planImport(configured, { clients, configuredThen: undefined }, NOW_MS);

/** From clients.pickle. */
function fromPickle(
  configured: readonly ClientSettings[],
  clients: readonly ImportedClient[],
  then: readonly ClientSettings[] = configured,
): ImportPlan {
  const configuredThen = new Map<string, ImportedConfiguration>(
    then.map(each => [each.name, configuration(each)]),
  );
  return planImport(configured, { clients, configuredThen }, NOW_MS);
}

/** The same from both. */
function fromBoth(configured: readonly ClientSettings[], clients: readonly ImportedClient[]): ImportPlan {
  const plan = fromPickle(configured, clients);
  assert.deepEqual(fromJson(configured, clients).clients, plan.clients);
  return plan;
}

function only({ clients, removed }: ImportPlan): Client {
  const [found, ...others] = clients;
  assert.ok(found && others.length === 0 && removed.length === 0);
  return found;
}

const c1 = settings('c1');

test('a client comes with what has become of it', () => {
  const found = only(fromBoth([c1], [client(c1, { lastApprovalRequestMs: NOW_MS - 1 })]));
  assert.equal(found.settings, c1);
  assert.equal(found.configured, c1);
  assert.equal(found.enabled, true);
  assert.equal(found.createdMs, NOW_MS - 90_000);
  assert.equal(found.lastEnabledMs, NOW_MS - 80_000);
  assert.equal(found.expiresMs, NOW_MS + 200_000);
  assert.equal(found.lastCheckedOkMs, NOW_MS - 50_000);
  assert.deepEqual(found.lastCheck, { kind: 'exited', status: 0 });
  assert.equal(found.lastApprovalRequestMs, NOW_MS - 1);
  assert.equal(found.approval, undefined);
  assert.equal(found.releases, 0);
});

test('a disabled client stays disabled, and one that an operator enabled stays enabled', () => {
  const disabled = only(fromBoth([c1], [client(c1, { enabled: false, expiresMs: undefined })]));
  assert.equal(disabled.enabled, false);
  assert.equal(disabled.expiresMs, undefined);
  const off = settings('c1', { enabled: false });
  const plan = fromBoth([off], [client(off)]);
  assert.equal(only(plan).enabled, true);
  assert.match(plan.notes[0] ?? '', /^c1: enabled, as it was at run time, although/);
});

test('what was set at run time is kept', () => {
  const changes = {
    timeoutMs: 1,
    extendedTimeoutMs: 0,
    intervalMs: 7,
    host: 'other',
    checker: 'true',
    approvalDelayMs: 5,
    approvalDurationMs: 6,
    approvedByDefault: false,
    secret: Buffer.from('set at run time'),
  };
  const found = only(fromBoth([c1], [client(c1, { settings: changes })]));
  assert.deepEqual(overridesOf(found), changes);
});

test('what clients.conf has changed since the original stopped wins, where that can be told', () => {
  const now = settings('c1', { timeoutMs: 60_000 });
  const there = client(c1, { settings: { host: 'set at run time' } });
  assert.deepEqual(overridesOf(only(fromPickle([now], [there], [c1]))), { host: 'set at run time' });
  assert.deepEqual(overridesOf(only(fromJson([now], [there]))), {
    timeoutMs: 300_000,
    host: 'set at run time',
  });
});

test('clients.conf can disable a client since, but not enable one', () => {
  const off = settings('c1', { enabled: false });
  assert.equal(only(fromPickle([off], [client(c1)], [c1])).enabled, false);
  const plan = fromPickle([c1], [client(off, { enabled: false })], [off]);
  assert.equal(only(plan).enabled, false);
  assert.match(plan.notes.join(), /c1: disabled, as it was there, .*"mandos-ctl --enable c1" enables it/);
});

test("the secret is that of clients.conf, unless the original's is known and another", () => {
  const plan = fromPickle([c1], [client(c1)]);
  assert.equal(only(plan).settings.secret, SECRET);
  assert.match(plan.notes.join(), /^secrets that were not encrypted with .*: c1$/);
  const json = fromJson([c1, settings('c2')], [client(c1), client(settings('c2'))]);
  assert.deepEqual(json.notes, [
    'the file has no secrets: those of clients.conf are used, also where another was set at run time',
  ]);
  const secret = Buffer.from(SECRET);
  const known = fromPickle([c1], [client(c1, { settings: { secret } })]);
  assert.deepEqual(known.notes, []);
  assert.deepEqual(overridesOf(only(known)), {});
});

test('a removed client stays removed, where that can be told', () => {
  const plan = fromPickle([c1], []);
  assert.deepEqual(plan.removed, ['c1']);
  assert.deepEqual(plan.clients, []);
});

test('a client that only clients.conf has is new to a pickle, and disabled after a dump', () => {
  const plan = fromPickle([c1], [], []);
  assert.deepEqual([plan.clients, plan.removed, plan.notes], [[], [], []]);
  const dump = fromJson([c1], []);
  assert.equal(only(dump).enabled, false);
  assert.equal(only(dump).settings, c1);
  assert.match(
    dump.notes[0] ?? '',
    /^c1: not in the file: it may have been removed there, and it is disabled; "mandos-ctl --enable c1"/,
  );
  assert.deepEqual(fromJson([settings('c1', { enabled: false })], []).clients, []);
});

test('a client that only the file has is skipped', () => {
  for (const plan of [fromPickle([], [client(c1)], [c1]), fromJson([], [client(c1)])]) {
    assert.deepEqual(plan.skipped, ['c1']);
    assert.deepEqual([plan.clients, plan.removed], [[], []]);
  }
});

test('nothing is imported for a machine with another key', () => {
  const other = settings('c1', { keyId: OTHER_KEY_ID });
  const plan = fromBoth([other], [client(c1)]);
  assert.deepEqual([plan.clients, plan.removed], [[], []]);
  assert.deepEqual(plan.notes, ['c1: nothing is imported, since it had another key_id there']);
});

test('another fingerprint is another machine; none says nothing', () => {
  const other = settings('c1', { fingerprint: '34'.repeat(20) });
  const plan = fromBoth([other], [client(c1)]);
  assert.equal(only(plan).enabled, false);
  assert.match(
    plan.notes[0] ?? '',
    /^c1: nothing is imported, since it had another fingerprint there, and it is disabled/,
  );
  const none = settings('c1', { fingerprint: undefined });
  const found = only(fromBoth([none], [client(c1)]));
  assert.equal(found.enabled, true);
  assert.deepEqual(overridesOf(found), {});
});

test('neither another name nor another key brings a disabled or removed client back', () => {
  const renamed = settings('new-name');
  const rekeyed = settings('c1', { keyId: OTHER_KEY_ID });
  const disabled = client(c1, { enabled: false });
  for (const plan of [
    fromBoth([rekeyed], [disabled]),
    fromPickle([renamed], [disabled], [c1]),
    fromJson([renamed], [disabled]),
    fromPickle([renamed], [], [c1]),
    fromPickle([rekeyed], [], [c1]),
    // Of the same key, and without what was set for it.
    fromPickle([renamed], [client(c1, { settings: { approvedByDefault: false } })], [c1]),
  ]) {
    assert.equal(only(plan).enabled, false);
    assert.match(plan.notes.join('\n'), /nothing is imported, .*, and it is disabled; "mandos-ctl --enable/);
  }
});

test('an operator’s "no" is in force for its whole time again, a "yes" is over', () => {
  const found = only(
    fromPickle([c1], [client(c1, { denied: true, settings: { approvalDurationMs: 9000 } })]),
  );
  assert.deepEqual(found.approval, { granted: false, untilMs: NOW_MS + 9000 });
});

test('what this server cannot have disables the client, and clients.conf’s is used', () => {
  for (const changes of [{ intervalMs: 0 }, { checker: '%(bad' }, { timeoutMs: 2 ** 50 }]) {
    const plan = fromBoth([c1], [client(c1, { settings: { ...changes, host: 'kept' } })]);
    const found = only(plan);
    assert.equal(found.enabled, false);
    assert.equal(found.expiresMs, undefined);
    assert.deepEqual(overridesOf(found), { host: 'kept' });
    assert.match(
      plan.notes[0] ?? '',
      /^c1: disabled, since this server cannot have its (interval|checker|timeout), /,
    );
  }
});

test('names that are properties of objects are names', () => {
  const odd = ['__proto__', 'constructor', 'toString'].map((name, i) =>
    settings(name, { keyId: `${i}`.repeat(64) }),
  );
  const plan = fromBoth(
    odd,
    odd.map(each => client(each)),
  );
  assert.equal(plan.clients.length, 3);
  assert.deepEqual(fromPickle(odd, [], []).clients, []);
});

test('no key may have more than it had there, whatever clients.conf and the file say', () => {
  const random = seededRandom(8);
  const maybe = () => random() < 0.5;
  const any = (name: string) =>
    settings(name, {
      keyId: pick(random, [KEY_ID, OTHER_KEY_ID, 'ef'.repeat(32)]),
      fingerprint: pick(random, ['12'.repeat(20), '34'.repeat(20), undefined]),
      approvedByDefault: maybe(),
      timeoutMs: pick(random, [1000, 2000]),
      enabled: maybe(),
    });
  const some = () => ['a', 'b', 'c'].filter(maybe).map(any);
  let held = 0;
  for (let i = 0; i < 20_000; i++) {
    const then = some();
    const there = then.filter(maybe).map(each =>
      client(each, {
        enabled: maybe(),
        settings: { approvedByDefault: maybe(), timeoutMs: pick(random, [1000, 2000]) },
      }),
    );
    const configured = some();
    const isPickle = maybe();
    const plan = isPickle ? fromPickle(configured, there, then) : fromJson(configured, there);
    for (const now of configured) {
      const planned = plan.clients.find(each => each.settings.name === now.name);
      // What is neither planned nor removed starts as clients.conf has it.
      const isStarted = planned ? planned.enabled : now.enabled && !plan.removed.includes(now.name);
      if (!isStarted) {
        held++;
        continue;
      }
      const withKey = there.filter(each => each.settings.keyId === now.keyId);
      const wasRemoved =
        isPickle && then.some(each => each.name === now.name && !there.some(t => t.name === each.name));
      assert.ok(!wasRemoved);
      assert.ok(
        planned || !there.some(each => each.name === now.name && !each.enabled),
        'disabled by its name',
      );
      assert.ok(planned || withKey.length === 0, 'nothing of its key is forgotten');
      const source = withKey.find(each => each.name === now.name);
      if (!planned) {
        assert.ok(isPickle || there.some(each => each.name === now.name), 'it may have been removed');
        continue;
      }
      assert.ok(source?.enabled);
      const before = then.find(each => each.name === now.name);
      for (const key of ['approvedByDefault', 'timeoutMs'] as const) {
        const isEdited = isPickle && before?.[key] !== now[key];
        assert.equal(planned.settings[key], isEdited ? now[key] : source.settings[key]);
      }
    }
  }
  assert.ok(held > 1000);
});
