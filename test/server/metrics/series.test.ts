import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { ClientEvent } from '../../../server/client/events.js';
import { BY_CHECKS } from '../../../server/client/events.js';
import type { Refusal } from '../../../server/client/release-policy.js';
import { disable } from '../../../server/client/client.js';
import { hasCommand } from '../../support/requires.js';
import { client, FAILED, KEY_ID, makeSeries, OK, PEER } from './scene.js';

test('a scrape has how many clients are in which state', async () => {
  const { scrape, registry } = makeSeries(
    [client('a'), client('b', { lastCheck: FAILED }), client('c', { pendingApprovals: 2 })],
    { expiringSoon: () => 5 },
  );
  const states = async () => {
    const values = await scrape();
    return ['enabled', 'disabled', 'failing', 'pending_approval', 'expiring_soon'].map(state =>
      values.get(`mandos_clients{state="${state}"}`),
    );
  };
  assert.deepEqual(await states(), [3, 0, 1, 1, 5]);
  registry.update('b', disable);
  assert.deepEqual(await states(), [2, 1, 0, 1, 5]);
});

test('releases, refusals, impostors and disabled clients are counted', async () => {
  const { scrape, registry } = makeSeries([client('a')]);
  const a = client('a');
  const refused = (code: Refusal['code']): ClientEvent => ({
    kind: 'refused',
    client: undefined,
    keyId: KEY_ID,
    peer: PEER,
    refusal: { kind: 'refuse', client: undefined, code, reason: '' },
  });
  const before = await scrape();
  const released = { client: a, keyId: KEY_ID, peer: PEER };
  registry.events.emit({ kind: 'released', ...released });
  registry.events.emit({ kind: 'released', ...released });
  registry.events.emit({ kind: 'release-interrupted', ...released });
  registry.events.emit({ kind: 'impostor', ...released });
  registry.events.emit({ kind: 'disabled', client: a, by: BY_CHECKS, reason: '' });
  registry.events.emit(refused('unknown'));
  registry.events.emit(refused('denied'));
  registry.events.emit(refused('denied'));
  const after = await scrape();
  const expected: [string, number][] = [
    ['mandos_releases_total', 2],
    ['mandos_releases_interrupted_total', 1],
    ['mandos_impostors_total', 1],
    ['mandos_disabled_total{by="checks"}', 1],
    ['mandos_refusals_total{code="unknown"}', 1],
    ['mandos_refusals_total{code="denied"}', 2],
  ];
  for (const [name, value] of expected) {
    assert.equal(before.get(name), 0, name);
    assert.equal(after.get(name), value, name);
  }
  assert.equal(after.get('mandos_refusals_total{code="approval-timeout"}'), 0);
  assert.equal(after.get('mandos_disabled_total{by="operator"}'), 0);
});

test('checks are counted by result, with the time that they took', async () => {
  const { scrape, registry, pass } = makeSeries([client('a'), client('b')]);
  const check = (name: string, tookMs: number, outcome: typeof OK | { kind: 'killed'; signal: number }) => {
    registry.events.emit({ kind: 'checker-started', client: client(name), command: 'check' });
    pass(tookMs);
    registry.events.emit({ kind: 'checker-completed', client: client(name), command: 'check', outcome });
  };
  check('a', 50, OK);
  check('a', 2000, FAILED);
  check('b', 5, { kind: 'exited', status: 127 });
  check('b', 5, { kind: 'killed', signal: 9 });
  // One that is stopped says nothing, and its time is not the next one's.
  registry.events.emit({ kind: 'checker-started', client: client('a'), command: 'check' });
  pass(100_000);
  check('a', 5, OK);
  const values = await scrape();
  const get = (name: string) => values.get(name);
  assert.equal(get('mandos_checks_total{result="succeeded"}'), 2);
  assert.equal(get('mandos_checks_total{result="failed"}'), 2);
  assert.equal(get('mandos_checks_total{result="not_run"}'), 1);
  assert.equal(get('mandos_check_duration_seconds_count'), 5);
  assert.equal(get('mandos_check_duration_seconds_bucket{le="0.01"}'), 3);
  assert.equal(get('mandos_check_duration_seconds_bucket{le="0.1"}'), 4);
  assert.ok(Math.abs((get('mandos_check_duration_seconds_sum') ?? 0) - 2.065) < 1e-6);
});

test('what others count is as they say at each scrape', async () => {
  let open = 3;
  let stored = true;
  let expiryMs = 1_030_000;
  const { scrape } = makeSeries([], {
    connections: () => ({ connections: open, admitted: 10 + open, refused: { 'too-many': open } }),
    isStored: () => stored,
    nextExpiryMs: () => expiryMs,
    alerts: () => ({ delivered: open, failed: 1, dropped: 0 }),
  });
  for (const [number, seconds] of [
    [3, 30],
    [7, Infinity],
  ] as const) {
    open = number;
    stored = number === 3;
    expiryMs = 1_000_000 + seconds * 1000;
    const values = await scrape();
    assert.equal(values.get('mandos_connections'), number);
    assert.equal(values.get('mandos_connections_admitted_total'), 10 + number);
    assert.equal(values.get('mandos_connections_refused_total{code="too-many"}'), number);
    assert.equal(values.get('mandos_hook_events_total{result="delivered"}'), number);
    assert.equal(values.get('mandos_state_stored'), number === 3 ? 1 : 0);
    assert.equal(values.get('mandos_next_expiry_seconds'), seconds);
  }
});

test('a scrape has the version, and what the process takes', async () => {
  const { scrape } = makeSeries([]);
  const values = await scrape();
  assert.equal(values.get(`mandos_build_info{version="1.2.3",node_version="${process.version}"}`), 1);
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'process_open_fds',
    'nodejs_heap_size_used_bytes',
  ])
    assert.ok((values.get(name) ?? 0) > 0, name);
  const startedS = values.get('process_start_time_seconds') ?? 0;
  assert.ok(Math.abs(startedS - performance.timeOrigin / 1000) < 1);
  for (const stat of ['mean', 'p99', 'max'])
    assert.ok((values.get(`mandos_event_loop_delay_seconds{stat="${stat}"}`) ?? -1) >= 0, stat);
});

test('an event loop that was blocked is seen by the next scrape, and by that only', async () => {
  const { scrape } = makeSeries([]);
  const max = async () => (await scrape()).get('mandos_event_loop_delay_seconds{stat="max"}') ?? 0;
  // Until the loop has been looked at.
  const pause = () => new Promise(resolve => setTimeout(resolve, 100));
  await pause();
  await max();
  await pause();
  for (const untilMs = performance.now() + 2000; performance.now() < untilMs;);
  await pause();
  assert.ok((await max()) > 1.5);
  // A machine may be slow, but not each time.
  do await pause();
  while ((await max()) > 1.5);
});

test('no series is for one client, however many there are', async () => {
  const few = makeSeries([client('some-client')]);
  const many = makeSeries(Array.from({ length: 10_000 }, (_, i) => client(`some-client${i}`)));
  for (const name of ['some-client1', 'some-client2'])
    many.registry.events.emit({ kind: 'released', client: client(name), keyId: KEY_ID, peer: PEER });
  assert.doesNotMatch(await many.series.metrics(), /some-client|192\.0\.2|abab/);
  assert.equal((await many.scrape()).size, (await few.scrape()).size);
  assert.equal((await many.scrape()).get('mandos_clients{state="enabled"}'), 10_000);
});

if (hasCommand('promtool')) {
  test('promtool has nothing to say against the exposition', async () => {
    const { series } = makeSeries([client('a')]);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: await series.metrics(),
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
  });
}
