import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckOutcome, Client } from '../../../server/client/client.js';
import { checkedOk, endCheck, tick } from '../../../server/client/checks.js';
import { createClient, disable, enable, expiryReason, isExpired } from '../../../server/client/client.js';
import { countRelease, extendAfterRelease } from '../../../server/client/releases.js';
import { decideRelease } from '../../../server/client/release-policy.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

const START_MS = 1_000_000;
const OK: CheckOutcome = { kind: 'exited', status: 0 };
const FAILED: CheckOutcome = { kind: 'exited', status: 1 };
const settings = { ...TEST_SETTINGS, intervalMs: 2000, timeoutMs: 6000, extendedTimeoutMs: 10_000 };

function started(random = 0.25): Client {
  return createClient(settings, START_MS, random);
}

test('the first check comes at random within one interval, and the client has one interval more to pass it', () => {
  const client = started();
  assert.equal(client.nextCheckMs, START_MS + 500);
  assert.equal(client.expiresMs, START_MS + 500 + 2000);
  assert.equal(tick(client, START_MS + 499), client);
  // The check begins a little late; the interval to pass it counts from there.
  const checking = tick(client, START_MS + 510);
  assert.equal(checking.checking, true);
  assert.equal(checking.expiresMs, START_MS + 510 + 2000);
  assert.equal(checking.nextCheckMs, START_MS + 2500);
});

test('a check that succeeds gives the timeout from its end; one that fails changes nothing', () => {
  const checking = tick(started(), START_MS + 500);
  const good = endCheck(checking, OK, START_MS + 900);
  assert.equal(good.expiresMs, START_MS + 900 + 6000);
  assert.equal(good.lastCheckedOkMs, START_MS + 900);
  assert.deepEqual(good.lastCheck, OK);
  for (const outcome of [FAILED, { kind: 'killed', signal: 9 } as const]) {
    const bad = endCheck(tick(good, START_MS + 2500), outcome, START_MS + 2600);
    assert.equal(bad.expiresMs, good.expiresMs);
    assert.equal(bad.lastCheckedOkMs, good.lastCheckedOkMs);
    assert.deepEqual(bad.lastCheck, outcome);
    assert.equal(bad.checking, false);
  }
});

test('checks come at a fixed rate; while one runs none begins, and the rate is kept', () => {
  const first = tick(started(), START_MS + 500);
  const second = tick(first, START_MS + 2500);
  assert.equal(second.checking, true);
  assert.equal(second.nextCheckMs, START_MS + 4500);
  assert.equal(second.expiresMs, first.expiresMs, 'only the first check gives an interval more');
  const ended = endCheck(second, OK, START_MS + 3500);
  // A server that slept through some ticks does not catch up.
  const late = tick(ended, START_MS + 8600);
  assert.equal(late.checking, true);
  assert.equal(late.nextCheckMs, START_MS + 10_500);
});

test('a release gives the extended timeout from now, and the next good check the usual one', () => {
  const good = endCheck(tick(started(), START_MS + 500), OK, START_MS + 600);
  const released = extendAfterRelease(good, START_MS + 1000);
  assert.equal(released.expiresMs, START_MS + 11_000);
  assert.equal(endCheck(tick(released, START_MS + 2500), OK, START_MS + 2600).expiresMs, START_MS + 8600);
});

test('a check that ended before a release, and is heard of after it, does not take its time back', () => {
  const checking = tick(started(), START_MS + 500);
  const released = extendAfterRelease(countRelease(checking, START_MS + 1000), START_MS + 1000);
  const late = endCheck(released, OK, START_MS + 900);
  assert.equal(late.expiresMs, START_MS + 11_000);
  const vouched = endCheck(checkedOk(checking, START_MS + 1000), OK, START_MS + 900);
  assert.equal(vouched.lastCheckedOkMs, START_MS + 1000);
  assert.equal(vouched.expiresMs, START_MS + 7000);
});

test('a disabled client is due for nothing, and nothing but an operator enables it', () => {
  const off = disable(tick(started(), START_MS + 500));
  assert.equal(off.enabled, false);
  assert.deepEqual([off.nextCheckMs, off.expiresMs], [undefined, undefined]);
  for (const after of [
    tick(off, START_MS + 9000),
    endCheck(off, OK, START_MS + 600),
    extendAfterRelease(off, START_MS + 600),
  ]) {
    assert.equal(after, off);
  }
  assert.equal(decideRelease(off, settings.keyId ?? '', START_MS, false).kind, 'refuse');
});

test('a client that is configured as disabled is not checked', () => {
  const off = createClient({ ...settings, enabled: false }, START_MS, 0.5);
  assert.deepEqual([off.nextCheckMs, off.expiresMs], [undefined, undefined]);
  assert.equal(off.lastEnabledMs, undefined);
});

test('a client that has expired gets nothing, also before anybody has noticed', () => {
  const client = started();
  assert.equal(decideRelease(client, settings.keyId ?? '', START_MS + 2499, false).kind, 'release');
  const verdict = decideRelease(client, settings.keyId ?? '', START_MS + 2500, false);
  assert.equal(verdict.kind === 'refuse' && verdict.reason, 'client client1 has expired');
});

test('the reason of an expiry says what was missing', () => {
  const first = tick(started(), START_MS + 500);
  assert.equal(expiryReason(started(), START_MS + 3000), 'no check of it has ended so far');
  assert.equal(expiryReason(first, START_MS + 3000), 'its first check did not end in time');
  const good = endCheck(first, OK, START_MS + 600);
  assert.equal(expiryReason(good, START_MS + 6600), 'it was last seen 6 s ago, and its timeout is 6 s');
});

test('the reason of an expiry speaks of a first check only while that is under way', () => {
  const failed = endCheck(tick(started(), START_MS + 500), FAILED, START_MS + 600);
  const reason = 'none of its checks has succeeded so far';
  assert.equal(expiryReason(failed, START_MS + 3000), reason);
  assert.equal(expiryReason(tick(failed, START_MS + 2500), START_MS + 3000), reason);
});

test('the reason of an expiry after a release is the time that a machine has to boot', () => {
  const failed = endCheck(tick(started(), START_MS + 500), FAILED, START_MS + 600);
  const sent = extendAfterRelease(countRelease(failed, START_MS + 1000), START_MS + 1000);
  assert.equal(sent.expiresMs, START_MS + 11_000);
  assert.equal(
    expiryReason(sent, START_MS + 11_000),
    'it was not seen since its password was sent 10 s ago, and its extended_timeout is 10 s',
  );
  const seen = endCheck(tick(sent, START_MS + 2500), OK, START_MS + 2600);
  assert.equal(expiryReason(seen, START_MS + 8600), 'it was last seen 6 s ago, and its timeout is 6 s');
});

test('the reason of an expiry that comes before the timeout is over does not name the timeout', () => {
  const good = endCheck(tick(started(), START_MS + 500), OK, START_MS + 600);
  const again = enable(disable(good), START_MS + 1000);
  assert.equal(again.expiresMs, START_MS + 5000);
  assert.equal(
    expiryReason(again, START_MS + 5000),
    'it was last seen 4 s ago, and not since it was enabled or the server was started',
  );
});

test('whatever happens in whatever order, no release follows an expiry and only checks and releases move it', () => {
  let seed = 7;
  const random = (limit: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % limit;
  for (let run = 0; run < 500; run++) {
    let client = createClient(settings, START_MS, random(1000) / 1000);
    let nowMs = START_MS;
    for (let step = 0; step < 60; step++) {
      nowMs += random(1500);
      const before = client;
      if (isExpired(client, nowMs)) {
        assert.equal(decideRelease(client, settings.keyId ?? '', nowMs, false).kind, 'refuse');
        client = disable(client);
      } else {
        const happens = [
          () => tick(client, nowMs),
          () => endCheck(client, random(2) === 0 ? OK : FAILED, nowMs),
          () =>
            decideRelease(client, settings.keyId ?? '', nowMs, false).kind === 'release'
              ? extendAfterRelease(client, nowMs)
              : client,
        ];
        client = (happens[random(happens.length)] ?? (() => client))();
        if (!before.enabled) assert.equal(client, before);
        const moved = client.expiresMs !== before.expiresMs;
        const allowed = [settings.timeoutMs, settings.extendedTimeoutMs, settings.intervalMs];
        assert.ok(!moved || allowed.includes((client.expiresMs ?? 0) - nowMs));
      }
    }
  }
});
