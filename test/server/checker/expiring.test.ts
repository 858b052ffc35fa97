import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../../common/log.js';
import { Scheduler } from '../../../server/checker/scheduler.js';
import { startCheck, stopCheck } from '../../../server/client/checks.js';
import type { CheckOutcome } from '../../../server/client/client.js';
import { createClient, disable, enable } from '../../../server/client/client.js';
import { BY_CONFIGURATION } from '../../../server/client/events.js';
import { Ledger } from '../../../server/client/ledger.js';
import { Registry } from '../../../server/client/registry.js';
import { extendAfterRelease } from '../../../server/client/releases.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { SimulatedClock } from '../../client-plugin/simulation.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

const OK: CheckOutcome = { kind: 'exited', status: 0 };
const FAILED: CheckOutcome = { kind: 'exited', status: 1 };
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const SETTINGS = {
  ...TEST_SETTINGS,
  intervalMs: 2 * MINUTE,
  timeoutMs: 5 * MINUTE,
  extendedTimeoutMs: 15 * MINUTE,
};

interface Answer {
  readonly tookMs: number;
  readonly outcome: CheckOutcome;
}

/** Clients whose first check comes a minute after the start, on a simulated clock; what is said of them. */
function watch(
  names: readonly string[],
  answer: (nowMs: number, name: string) => Answer,
  change: Partial<ClientSettings> = {},
) {
  const clock = new SimulatedClock();
  const startMs = clock.nowMs();
  const log = createLog({ write: () => {} }, 'critical');
  const registry = new Registry(
    names.map(name => ({
      ...createClient({ ...SETTINGS, ...change, name, keyId: name }, startMs, 0),
      nextCheckMs: startMs + MINUTE,
      expiresMs: startMs + 3 * MINUTE,
    })),
  );
  /** Seconds after the start. */
  const said: [at: number, name: string, leftS: number, reason: string][] = [];
  registry.events.subscribe(event => {
    if (event.kind !== 'expiring-soon') return;
    const at = (clock.nowMs() - startMs) / SECOND;
    said.push([at, event.client.settings.name, event.leftMs / SECOND, event.reason]);
  });
  const after = clock.after.bind(clock);
  const ledger = new Ledger(registry, { write: () => Promise.resolve() }, log, { after });
  const scheduler = new Scheduler(registry, ledger, log, {
    nowMs: () => clock.nowMs(),
    after,
    check: ({ settings }) => {
      const { tookMs, outcome } = answer(clock.nowMs() - startMs, settings.name);
      const done = new Promise<CheckOutcome>(resolve => clock.after(tookMs, () => resolve(outcome)));
      return { command: 'check', done, stop: () => Promise.resolve() };
    },
  });
  return { clock, registry, scheduler, said };
}

const until = (endMs: number) => (nowMs: number) => ({
  tookMs: SECOND,
  outcome: nowMs < endMs ? OK : FAILED,
});

test('a client whose checks fail is said to expire when less than an interval is left, once', async () => {
  const { clock, registry, scheduler, said } = watch(['a'], until(2 * MINUTE));
  await clock.pass(4 * MINUTE);
  assert.equal(scheduler.expiringSoon, 0);
  await clock.pass(MINUTE);
  // Last good check at 61 s, timeout 300 s.
  assert.deepEqual(said, [[241, 'a', 120, 'its checks fail']]);
  assert.equal(scheduler.expiringSoon, 1);
  await clock.pass(30 * MINUTE);
  assert.equal(registry.find('a')?.enabled, false);
  assert.equal(said.length, 1);
  assert.equal(scheduler.expiringSoon, 0);
});

test('a client that has recovered is said to expire anew when its checks fail again', async () => {
  const outages = [
    [2 * MINUTE, 4.5 * MINUTE],
    [10 * MINUTE, 12.5 * MINUTE],
  ] as const;
  const { clock, said, registry } = watch(['a'], nowMs => ({
    tookMs: SECOND,
    outcome: outages.some(([from, to]) => nowMs >= from && nowMs < to) ? FAILED : OK,
  }));
  await clock.pass(30 * MINUTE);
  assert.equal(registry.find('a')?.enabled, true);
  assert.deepEqual(
    said.map(([at]) => at),
    [241, 721],
  );
});

test('clients that answer are never said to expire, however seldom they are checked', async () => {
  for (const timeoutMs of [5, 2.5, 2.1, 2].map(minutes => minutes * MINUTE)) {
    const { clock, said } = watch(['a', 'b'], () => ({ tookMs: SECOND, outcome: OK }), { timeoutMs });
    await clock.pass(60 * MINUTE);
    assert.deepEqual(said, [], `timeout ${timeoutMs} ms`);
  }
});

test('one that is checked as seldom as it just may be is said to expire as soon as its check has failed', async () => {
  const { clock, said } = watch(['a'], until(2 * MINUTE), { timeoutMs: 2.5 * MINUTE });
  await clock.pass(30 * MINUTE);
  // Last good check at 61 s; the next one fails at 181 s.
  assert.deepEqual(said, [[181, 'a', 30, 'its checks fail']]);
});

test('a check that does not end is waited for no longer than to half of the time', async () => {
  const { clock, said } = watch(['a'], nowMs => ({
    tookMs: nowMs < 2 * MINUTE ? SECOND : 60 * MINUTE,
    outcome: OK,
  }));
  await clock.pass(30 * MINUTE);
  assert.deepEqual(said, [[301, 'a', 60, 'its check does not end']]);
});

test('a client that failed before the server was started has its first check before anything is said', async () => {
  const { clock, registry, said } = watch(['good', 'bad'], (_, name) => ({
    tookMs: SECOND,
    outcome: name === 'good' ? OK : FAILED,
  }));
  for (const name of ['good', 'bad']) registry.update(name, client => ({ ...client, lastCheck: FAILED }));
  await clock.pass(2 * MINUTE);
  assert.deepEqual(said, [[61, 'bad', 119, 'its checks fail']]);
});

test('a release gives a client time, and then it is said to expire anew', async () => {
  const { clock, registry, scheduler, said } = watch(['a'], until(2 * MINUTE));
  await clock.pass(5 * MINUTE);
  registry.update('a', client => extendAfterRelease(client, clock.nowMs()));
  assert.equal(scheduler.expiringSoon, 0);
  await clock.pass(60 * MINUTE);
  assert.deepEqual(
    said.map(([at, , leftS]) => [at, leftS]),
    [
      [241, 120],
      [1080, 120],
    ],
  );
});

test('a client that is disabled or removed is not said to expire, and one enabled again is', async () => {
  const { clock, registry, scheduler, said } = watch(['a', 'b', 'c'], until(2 * MINUTE));
  await clock.pass(4 * MINUTE);
  registry.update('a', disable);
  registry.remove('b', BY_CONFIGURATION);
  await clock.pass(MINUTE);
  assert.deepEqual(
    said.map(([, name]) => name),
    ['c'],
  );
  registry.remove('c', BY_CONFIGURATION);
  assert.equal(scheduler.expiringSoon, 0);
  registry.update('a', client => enable(client, clock.nowMs()));
  await clock.pass(60 * MINUTE);
  assert.deepEqual(
    said.map(([at, name]) => [at, name]),
    [
      [241, 'c'],
      // Its first check, two minutes after 300 s, has failed.
      [421, 'a'],
    ],
  );
});

test('clients that expire are said to, though many checks are always late', async () => {
  const { clock, registry, said } = watch(['a', 'b'], until(2 * MINUTE));
  await clock.pass(4 * MINUTE);
  // An operator's checks, one after the other.
  const again = () => {
    registry.update('b', stopCheck);
    registry.update('b', client => startCheck({ ...client, nextCheckMs: clock.nowMs() }));
    clock.after(0.5 * SECOND, again);
  };
  again();
  await clock.pass(MINUTE);
  assert.ok(said.some(([at, name]) => name === 'a' && at === 241));
});
