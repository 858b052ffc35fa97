import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { suite, test } from 'node:test';
import { after } from '../../../common/timer.js';
import { clientChecker } from '../../../server/checker/client-checker.js';
import { Scheduler } from '../../../server/checker/scheduler.js';
import { startCheck } from '../../../server/client/checks.js';
import { createClient, disable, enable } from '../../../server/client/client.js';
import { Ledger } from '../../../server/client/ledger.js';
import { Registry } from '../../../server/client/registry.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { logEvents } from '../../../server/event-log.js';
import { TEST_SETTINGS } from '../../support/release-server.js';
import { recorder } from './recorder.js';

/** Longer than any test lasts: checks come when the test starts them. */
const NEVER_MS = 24 * 3600 * 1000;

/** Says its own number and that of a child; both stay whatever they are told. */
const STUBBORN = `trap '' TERM
  while :; do sleep 0.1; done &
  echo "$$ $!" >>pids
  while :; do sleep 0.1; done`;

/** Goes at once when told, but leaves a child that does not. */
const PARENT_OF_STUBBORN = `sh -c "trap '' TERM; while :; do sleep 0.1; done" & echo "$$ $!" >>pids; wait`;

const nowMs = () => performance.timeOrigin + performance.now();

/** Clients on the real clock, with real checkers that run in a directory of their own. */
function scene(
  t: TestContext,
  checkers: Readonly<Record<string, string>>,
  change: Partial<ClientSettings>,
  limits = { maxCheckers: 100 },
) {
  const directory = mkdtempSync(join(tmpdir(), 'checkers-'));
  const { log, lines, waitForLine } = recorder('info');
  const startMs = nowMs();
  const registry = new Registry(
    Object.entries(checkers).map(([name, command]) => {
      const checker = `cd ${directory}; ${command}`;
      const settings = { ...TEST_SETTINGS, timeoutMs: NEVER_MS, intervalMs: NEVER_MS, ...change };
      return createClient({ ...settings, name, keyId: name, checker }, startMs, 0.5);
    }),
  );
  registry.events.subscribe(logEvents(log));
  const ledger = new Ledger(registry, { write: () => Promise.resolve() }, log, { after });
  const check = clientChecker(log, () => limits);
  const scheduler = new Scheduler(registry, ledger, log, { nowMs, after, check });
  const written = () => {
    const path = join(directory, 'pids');
    const rows = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
    return rows.map(line => line.split(' ').map(Number));
  };
  /** The process numbers that so many checkers have written, once they have. */
  const pids = async (checks: number) => {
    while (written().length < checks) await sleep(20);
    return written().flat();
  };
  t.after(async () => {
    await scheduler.stop();
    // A test that has failed leaves none of its processes.
    for (const pid of written().flat()) if (isAlive(pid)) kill(pid);
    rmSync(directory, { recursive: true });
  });
  return { registry, scheduler, waitForLine, lines, pids };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended.
  }
}

/** Whether the process is there; one that is dead and waits for its parent to ask is not. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function waitForEnd(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(20);
}

async function sleep(ms: number): Promise<void> {
  await new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}

suite('checkers as processes', { timeout: 120_000 }, () => {
  test('when the scheduler has stopped, no checker is left, nor any of its children', async t => {
    const { registry, scheduler, pids } = scene(
      t,
      { stubborn: STUBBORN, parent: PARENT_OF_STUBBORN, quick: 'echo "$$ $$" >>pids; exec sleep 1000' },
      {},
    );
    for (const { settings } of registry) registry.update(settings.name, startCheck);
    const started = await pids(3);
    assert.ok(started.every(isAlive));
    await scheduler.stop();
    // Killed, they still need the kernel for a moment.
    await waitForEnd(started);
    assert.equal(registry.find('quick')?.lastCheck, undefined);
  });

  test('a checker that was told to end shortly before is not left either', async t => {
    const { registry, scheduler, pids } = scene(t, { stubborn: STUBBORN }, {});
    registry.update('stubborn', startCheck);
    const started = await pids(1);
    registry.update('stubborn', disable);
    await scheduler.stop();
    await waitForEnd(started);
  });

  test('a scheduler without checkers stops', async t => {
    const { scheduler } = scene(t, { a: 'exit 0' }, {});
    await scheduler.stop();
  });

  test('a checker that is still there when its client expires is killed with its children', async t => {
    const { registry, pids, waitForLine } = scene(t, { stubborn: STUBBORN }, { intervalMs: 4_000 });
    const started = await pids(1);
    await waitForLine(/disabled: its first check did not end in time/);
    await waitForEnd(started);
    assert.equal(registry.find('stubborn')?.checking, false);
  });

  test('the checker after an enable has nothing to do with the one before the disable', async t => {
    const { registry, pids } = scene(t, { stubborn: STUBBORN }, {});
    registry.update('stubborn', startCheck);
    const first = await pids(1);
    registry.update('stubborn', disable);
    registry.update('stubborn', client => startCheck(enable(client, nowMs())));
    const both = await pids(2);
    await waitForEnd(first);
    const second = both.filter(pid => !first.includes(pid));
    assert.equal(second.length, 2);
    assert.ok(second.every(isAlive));
    assert.equal(registry.find('stubborn')?.checking, true);
  });

  test('a check that waits for its turn ends with its client, and counts for nothing', async t => {
    const limits = { maxCheckers: 1 };
    const checkers = { stubborn: STUBBORN, waiting: STUBBORN, next: STUBBORN };
    const { registry, scheduler, pids, waitForLine } = scene(t, checkers, {}, limits);
    for (const name of Object.keys(checkers)) registry.update(name, startCheck);
    const first = await pids(1);
    await waitForLine(/^warning: checks wait for others/);
    registry.update('waiting', disable);
    registry.update('stubborn', disable);
    const both = await pids(2);
    await waitForEnd(first);
    assert.equal(registry.find('next')?.checking, true);
    assert.equal(registry.find('waiting')?.lastCheck, undefined);
    for (const name of ['stubborn', 'waiting']) registry.update(name, startCheck);
    await scheduler.stop();
    await waitForEnd(both);
    assert.deepEqual(await pids(2), both, 'none of those that waited was begun at the stop');
  });

  test('a command that does not exist is named in the log once', async t => {
    const { registry, waitForLine, lines } = scene(
      t,
      { a: 'no-such-command-anywhere --here', b: 'echo >text; ./text' },
      {},
    );
    const completed = (count: number) =>
      new Promise<void>(resolve => {
        registry.events.subscribe(event => {
          if (event.kind === 'checker-completed' && --count === 0) resolve();
        });
      });
    for (let i = 0; i < 2; i++) {
      const end = completed(2);
      for (const { settings } of registry) registry.update(settings.name, startCheck);
      await end;
    }
    await waitForLine(/^error: a: check failed: command not found: .*no-such-command-anywhere --here$/);
    await waitForLine(/^error: b: check failed: command cannot be executed: .*\.\/text$/);
    assert.equal(lines.length, 2);
  });
});
