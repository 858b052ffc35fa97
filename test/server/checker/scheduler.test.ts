import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog } from '../../../common/log.js';
import { Scheduler } from '../../../server/checker/scheduler.js';
import { checkedOk, startCheck, stopCheck } from '../../../server/client/checks.js';
import type { CheckOutcome } from '../../../server/client/client.js';
import { createClient } from '../../../server/client/client.js';
import { Ledger } from '../../../server/client/ledger.js';
import { extendAfterRelease } from '../../../server/client/releases.js';
import { Registry } from '../../../server/client/registry.js';
import { logEvents } from '../../../server/event-log.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { SimulatedClock } from '../../client-plugin/simulation.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

const OK: CheckOutcome = { kind: 'exited', status: 0 };
const FAILED: CheckOutcome = { kind: 'exited', status: 1 };
const NOT_FOUND: CheckOutcome = { kind: 'exited', status: 127 };
const NOT_EXECUTABLE: CheckOutcome = { kind: 'exited', status: 126 };
const EXPLAINED: CheckOutcome = { kind: 'exited', status: 127 };
const SETTINGS = { ...TEST_SETTINGS, intervalMs: 2000, timeoutMs: 6000, extendedTimeoutMs: 10_000 };

/**
 * A scheduler on a simulated clock; `answer` says how long a check takes and how it ends, `startingMs` and `endingMs` how
 * long its start, and what its end brings about, hold the event loop.
 */
function schedule(
  names: readonly string[],
  answer: (name: string, nowMs: number) => { tookMs: number; outcome: CheckOutcome },
  change: Partial<ClientSettings> = {},
  gone: Promise<void> = Promise.resolve(),
  startingMs = 0,
  endingMs = 0,
) {
  const clock = new SimulatedClock();
  /** What the starts of checkers have taken, in which no timer could run. */
  let busyMs = 0;
  const nowMs = () => clock.nowMs() + busyMs;
  const lines: string[] = [];
  const log = createLog({ write: (level, line) => lines.push(`${clock.nowMs()} ${level}: ${line}`) }, 'info');
  const starts: [string, number][] = [];
  const stopped: string[] = [];
  const registry = new Registry(
    names.map(name => createClient({ ...SETTINGS, ...change, name, keyId: name }, clock.nowMs(), 0.5)),
  );
  registry.events.subscribe(logEvents(log));
  let turns = 0;
  const after = (delayMs: number, run: () => void) =>
    clock.after(delayMs, () => {
      turns++;
      run();
    });
  /** In which turn which check has begun, and ended. */
  const startTurns: number[] = [];
  const endTurns: number[] = [];
  registry.events.subscribe(event => {
    if (event.kind !== 'checker-completed') return;
    endTurns.push(turns);
    busyMs += endingMs;
  });
  const ledger = new Ledger(registry, { write: () => Promise.resolve() }, log, { after });
  const scheduler = new Scheduler(registry, ledger, log, {
    nowMs,
    after,
    check: client => {
      const { name } = client.settings;
      starts.push([name, clock.nowMs()]);
      startTurns.push(turns);
      busyMs += startingMs;
      const { tookMs, outcome } = answer(name, nowMs());
      const done = new Promise<CheckOutcome>(resolve => clock.after(tookMs, () => resolve(outcome)));
      const stop = () => {
        stopped.push(name);
        return gone;
      };
      return { command: 'check', done, stop, isExplained: outcome === EXPLAINED };
    },
  });
  return { clock, nowMs, lines, starts, startTurns, endTurns, stopped, registry, scheduler };
}

const aboutChecks = (lines: readonly string[]) => lines.filter(line => line.includes('check failed'));

test('a client that answers is checked each interval and stays enabled', async () => {
  const { clock, starts, registry, lines } = schedule(['a'], () => ({ tookMs: 100, outcome: OK }));
  await clock.pass(60_000);
  const times = starts.map(([, ms]) => ms);
  assert.equal(times.length, 30);
  assert.ok(times.every((ms, i) => ms === (times[0] ?? 0) + 2000 * i));
  assert.equal(registry.find('a')?.enabled, true);
  assert.deepEqual(lines, []);
});

test('a client that stops answering is disabled when its timeout is over, with the reason, and checked no more', async () => {
  const { clock, starts, registry, lines } = schedule(['a'], (_, nowMs) => ({
    tookMs: 0,
    outcome: nowMs < 5000 ? OK : FAILED,
  }));
  await clock.pass(30_000);
  assert.equal(registry.find('a')?.enabled, false);
  // Last good check at 3 s, timeout 6 s.
  assert.deepEqual(lines, [
    '5000 info: a: check failed: exit status 1: check',
    '7000 warning: a: expires in 2 s: its checks fail',
    '9000 warning: a: disabled: it was last seen 6 s ago, and its timeout is 6 s',
  ]);
  assert.equal(starts.at(-1)?.[1], 7000);
});

test('a checker that outlives the timeout is stopped, and what it says then counts no more', async () => {
  const { clock, stopped, registry } = schedule(['a'], () => ({ tookMs: 20_000, outcome: OK }));
  await clock.pass(10_000);
  assert.deepEqual(stopped, ['a']);
  assert.equal(registry.find('a')?.enabled, false);
  await clock.pass(30_000);
  assert.equal(registry.find('a')?.lastCheckedOkMs, undefined);
});

test('no check begins while one runs', async () => {
  const { clock, starts } = schedule(['a'], () => ({ tookMs: 3000, outcome: OK }), {
    timeoutMs: 60_000,
    intervalMs: 2000,
  });
  await clock.pass(2000);
  assert.equal(starts.length, 1);
});

test('a release keeps a client that does not answer for the extended timeout', async () => {
  const { clock, registry } = schedule(['a'], (_, nowMs) => ({
    tookMs: 0,
    outcome: nowMs < 2000 ? OK : FAILED,
  }));
  await clock.pass(4000);
  registry.update('a', client => extendAfterRelease(client, clock.nowMs()));
  await clock.pass(9999);
  assert.equal(registry.find('a')?.enabled, true);
  await clock.pass(1);
  assert.equal(registry.find('a')?.enabled, false);
});

test('each client has its own life', async () => {
  const { clock, registry } = schedule(['a', 'b', 'c'], name => ({
    tookMs: 10,
    outcome: name === 'b' ? FAILED : OK,
  }));
  await clock.pass(30_000);
  assert.deepEqual(
    [...registry].map(client => client.enabled),
    [true, false, true],
  );
});

test('a stopped scheduler stops its checkers and starts none', async () => {
  const { clock, scheduler, registry, starts, stopped } = schedule(['a'], () => ({
    tookMs: 5000,
    outcome: OK,
  }));
  await clock.pass(1500);
  await scheduler.stop();
  assert.deepEqual(stopped, ['a']);
  await clock.pass(60_000);
  registry.update('a', stopCheck);
  registry.update('a', startCheck);
  assert.equal(starts.length, 1);
});

test('a scheduler has stopped when its checkers are gone, those included that were told to end before', async () => {
  let leave = () => {};
  const gone = new Promise<void>(resolve => {
    leave = resolve;
  });
  const slow = () => ({ tookMs: 5000, outcome: OK });
  const { clock, registry, scheduler, stopped } = schedule(['a', 'b'], slow, {}, gone);
  await clock.pass(1500);
  registry.update('a', stopCheck);
  let isStopped = false;
  const stop = async () => {
    await scheduler.stop();
    isStopped = true;
  };
  const stopping = stop();
  await clock.pass(1500);
  assert.deepEqual(stopped, ['a', 'b']);
  assert.equal(isStopped, false);
  leave();
  await stopping;
});

test('a command that cannot be run is said once, and again after it could be', async () => {
  const script = [FAILED, NOT_FOUND, NOT_FOUND, FAILED, NOT_FOUND, OK, NOT_EXECUTABLE, NOT_EXECUTABLE];
  const outcomes = script.values();
  const { clock, registry, lines } = schedule(
    ['a'],
    () => ({ tookMs: 0, outcome: outcomes.next().value ?? FAILED }),
    { timeoutMs: 60_000 },
  );
  await clock.pass(1500);
  registry.update('a', client => checkedOk(client, clock.nowMs()));
  await clock.pass(2000 * script.length);
  assert.deepEqual(aboutChecks(lines), [
    '1000 info: a: check failed: exit status 1: check',
    '3000 error: a: check failed: command not found: check',
    '13000 error: a: check failed: command cannot be executed: check',
  ]);
});

test('a client of which the log has said with all others why its checker cannot be run gets no line of its own', async () => {
  const { clock, lines } = schedule(['a'], () => ({ tookMs: 0, outcome: EXPLAINED }));
  await clock.pass(2500);
  assert.deepEqual(aboutChecks(lines), []);
});

test('a time that no single timer can wait for is waited for', async () => {
  const year = 365 * 24 * 3600 * 1000;
  const { clock, registry, starts } = schedule(['a'], () => ({ tookMs: 0, outcome: FAILED }), {
    intervalMs: year,
  });
  await clock.pass(year);
  assert.equal(starts.length, 1);
  await clock.pass(year);
  assert.equal(registry.find('a')?.enabled, false);
});

const BURST = 10_000;

/** Many clients whose checks have just become due at once, each of which takes a millisecond to start. */
function burst() {
  const names = Array.from({ length: BURST }, (_, i) => `client${i}`);
  const change = { intervalMs: 3_600_000, timeoutMs: 7_200_000 };
  const scene = schedule(names, () => ({ tookMs: 0, outcome: OK }), change, undefined, 1);
  const { registry, nowMs } = scene;
  // The last of them is due for the longest.
  for (const [i, name] of names.entries()) {
    registry.update(name, client => ({ ...client, nextCheckMs: nowMs() - i }));
  }
  return { ...scene, names };
}

test('of many checks that are due at once few begin in one turn, in the order in which they were due', async () => {
  const { clock, registry, starts, startTurns, names } = burst();
  await clock.pass(0);
  const counts = new Map<number, number>();
  for (const turn of startTurns) counts.set(turn, (counts.get(turn) ?? 0) + 1);
  assert.ok(Math.max(...counts.values()) <= 20, `${Math.max(...counts.values())} in one turn`);
  assert.deepEqual(
    starts.map(([name]) => name),
    names.toReversed(),
  );
  assert.ok([...registry].every(client => client.lastCheckedOkMs !== undefined));
});

test('of many checks that end at once few are dealt with in one turn, each at the time at which it ended', async () => {
  const names = Array.from({ length: 500 }, (_, i) => `client${i}`);
  const change = { intervalMs: 3_600_000, timeoutMs: 7_200_000 };
  const scene = schedule(names, () => ({ tookMs: 100, outcome: OK }), change, undefined, 0, 1);
  const { clock, nowMs, registry, endTurns } = scene;
  for (const name of names) registry.update(name, client => ({ ...client, nextCheckMs: nowMs() }));
  await clock.pass(200);
  assert.equal(endTurns.length, names.length);
  const most = Math.max(...endTurns.map(turn => endTurns.filter(other => other === turn).length));
  assert.ok(most <= 5, `${most} in one turn`);
  const times = Array.from(registry, ({ lastCheckedOkMs = NaN }) => lastCheckedOkMs);
  // The last was dealt with half a second after the first.
  assert.equal(Math.min(...times), Math.max(...times));
});

test('a client whose time is up is disabled then, though many checks are late', async () => {
  const { clock, nowMs, registry, starts } = burst();
  let begun: number | undefined;
  registry.events.subscribe(event => {
    if (event.kind === 'disabled') begun ??= starts.length;
  });
  const expiresMs = nowMs() + BURST / 2;
  registry.update('client0', client => ({ ...client, expiresMs }));
  await clock.pass(0);
  assert.ok(begun !== undefined && begun >= BURST / 2 && begun <= BURST / 2 + 20, `after ${begun} checks`);
  assert.equal(starts.length, BURST - 1);
});

test('a scheduler that is stopped amid many checks begins no more', async () => {
  const { clock, nowMs, scheduler, registry, starts } = burst();
  let begun = 0;
  clock.after(0, () => {
    begun = starts.length;
    void scheduler.stop();
  });
  await clock.pass(10_000);
  assert.ok(begun > 0 && begun < BURST, `${begun} had begun`);
  assert.equal(starts.length, begun);
  const due = [...registry].filter(({ nextCheckMs = Infinity }) => nextCheckMs <= nowMs());
  assert.equal(due.length, BURST - begun);
});
