import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Server, Target, Try, TryOutcome } from '../../client-plugin/server-tries.js';
import {
  CONNECTED_PATIENCE_MS,
  FIRST_PAUSE_MS,
  MAX_TRIES,
  MAX_WAITING,
  PREEMPT_AFTER_MS,
  ServerTries,
  SILENT_PREEMPT_AFTER_MS,
  STAGGER_MS,
} from '../../client-plugin/server-tries.js';
import { ServiceResolver } from '../../client-plugin/discovery/service-resolver.js';
import type { DnsRecord } from '../../client-plugin/discovery/service-resolver.js';
import { seededRandom } from './simulation.js';

const RETRY_MS = 10_000;

function target(host: string): Target {
  return { host, port: 4711, origin: 'zeroconf', label: 'Mandos' };
}

function server(key: string, ...hosts: string[]): Server {
  return { key, targets: hosts.map(target) };
}

/** Never at the jitter's mercy: pauses are as long as they can be. */
function tries(): ServerTries {
  return new ServerTries({ retryMs: RETRY_MS, random: () => 0 });
}

function started(machine: ServerTries, nowMs: number): string[] {
  return machine.step(nowMs).start.map(attempt => attempt.target.host);
}

/** Begins what is due and expects it to be one try. */
function only(machine: ServerTries, nowMs: number): Try {
  const { start } = machine.step(nowMs);
  assert.equal(start.length, 1);
  return start[0] as Try;
}

test('a new server is tried at once, beside others', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1')], 0);
  assert.deepEqual(started(machine, 0), ['a1']);
  machine.setServers([server('a', 'a1'), server('b', 'b1')], 5);
  assert.equal(machine.nextMs(), 5);
  assert.deepEqual(started(machine, 5), ['b1']);
});

test('pauses double from one second up to --retry, and then go on for ever', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1')], 0);
  let nowMs = 0;
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    machine.ended(only(machine, nowMs), 'failed', nowMs);
    pauses.push(machine.nextMs() - nowMs);
    nowMs = machine.nextMs();
  }
  assert.equal(FIRST_PAUSE_MS, 1000);
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
});

test('chance shortens a pause by a quarter at most', () => {
  const machine = new ServerTries({ retryMs: RETRY_MS, random: () => 0.999 });
  machine.setServers([server('a', 'a1')], 0);
  machine.ended(only(machine, 0), 'failed', 0);
  assert.ok(machine.nextMs() >= 750 && machine.nextMs() < 760);
});

test('an address that cannot be reached gives way to the next at once; when all failed there is a pause', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1', 'a2')], 0);
  machine.ended(only(machine, 0), 'unreachable', 3);
  assert.equal(machine.nextMs(), 3);
  const second = only(machine, 3);
  assert.equal(second.target.host, 'a2');
  machine.ended(second, 'unreachable', 6);
  assert.equal(machine.nextMs(), 6 + FIRST_PAUSE_MS);
});

test('an address that does not answer is joined by the next after a short while', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1', 'a2')], 0);
  only(machine, 0);
  assert.equal(machine.nextMs(), STAGGER_MS);
  assert.deepEqual(started(machine, STAGGER_MS - 1), []);
  assert.deepEqual(started(machine, STAGGER_MS), ['a2']);
  assert.equal(machine.nextMs(), Infinity);
});

test('a server that is connected is asked at its other addresses only much later', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1', 'a2')], 0);
  machine.connected(only(machine, 0), 2);
  assert.equal(machine.nextMs(), 2 + CONNECTED_PATIENCE_MS);
  assert.deepEqual(started(machine, 2 + CONNECTED_PATIENCE_MS), ['a2']);
});

test('a server that refuses is asked once in each pause, at each of its addresses in turn', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1', 'a2', 'a3')], 0);
  const hosts: string[] = [];
  let nowMs = 0;
  for (let i = 0; i < 6; i++) {
    const attempt = only(machine, nowMs);
    hosts.push(attempt.target.host);
    machine.ended(attempt, 'failed', nowMs);
    assert.ok(machine.nextMs() >= nowMs + FIRST_PAUSE_MS);
    nowMs = machine.nextMs();
  }
  assert.deepEqual(hosts, ['a1', 'a2', 'a3', 'a1', 'a2', 'a3']);
});

test('a new address of a known server is next, without its pause, and once', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1')], 0);
  for (let i = 0, nowMs = 0; i < 5; i++, nowMs = machine.nextMs()) {
    machine.ended(only(machine, nowMs), 'failed', nowMs);
  }
  const nowMs = machine.nextMs() - 5000;
  machine.setServers([server('a', 'a1', 'a2')], nowMs);
  const fresh = only(machine, nowMs);
  assert.equal(fresh.target.host, 'a2');
  machine.ended(fresh, 'failed', nowMs);
  assert.equal(machine.nextMs(), nowMs + RETRY_MS);
  const turns = [0, 1].map(() => {
    const attempt = only(machine, machine.nextMs());
    machine.ended(attempt, 'failed', attempt.startedMs);
    return attempt.target.host;
  });
  assert.ok(turns.includes('a1'));
});

test('a server that is gone is not tried again, but what runs may end by itself', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1', 'a2')], 0);
  const running = only(machine, 0);
  machine.setServers([], 10);
  assert.equal(machine.nextMs(), Infinity);
  assert.deepEqual(machine.step(60_000), { start: [], abort: [] });
  machine.ended(running, 'unreachable', 60_000);
  assert.equal(machine.nextMs(), Infinity);
});

test('a server that comes back is tried at once', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1')], 0);
  machine.ended(only(machine, 0), 'failed', 0);
  machine.setServers([], 10);
  machine.setServers([server('a', 'a1')], 20);
  assert.deepEqual(started(machine, 20), ['a1']);
});

test('a server that comes back while it is still being tried is tried again afterwards', () => {
  const machine = tries();
  machine.setServers([server('a', 'a1')], 0);
  const running = only(machine, 0);
  machine.setServers([], 10);
  machine.setServers([server('a', 'a1')], 20);
  machine.ended(running, 'failed', 30);
  assert.deepEqual(started(machine, 30 + FIRST_PAUSE_MS), ['a1']);
});

test('one place is tried once at a time, under however many names it is announced', () => {
  const machine = tries();
  machine.setServers([server('a', 'same'), server('b', 'same')], 0);
  const first = only(machine, 0);
  assert.deepEqual(started(machine, machine.nextMs()), []);
  machine.ended(first, 'failed', 500);
  assert.deepEqual(started(machine, machine.nextMs()), ['same']);
});

/** Begins what is due, in tries that are answered and then hang. */
function hangAll(machine: ServerTries, nowMs: number): void {
  const { start } = machine.step(nowMs);
  assert.equal(start.length, MAX_TRIES);
  for (const attempt of start) machine.answered(attempt);
}

test('when all places are taken by tries that hang, the oldest gives way', () => {
  const machine = tries();
  const hanging = Array.from({ length: MAX_TRIES }, (_, i) => server(`tarpit${i}`, `t${i}`));
  machine.setServers(hanging, 0);
  hangAll(machine, 0);
  machine.setServers([...hanging, server('true', 'true1')], 100);
  assert.deepEqual(machine.step(100), { start: [], abort: [] });
  assert.equal(machine.nextMs(), PREEMPT_AFTER_MS);
  const { start, abort } = machine.step(PREEMPT_AFTER_MS);
  assert.deepEqual(
    abort.map(attempt => attempt.target.host),
    ['t0'],
  );
  assert.deepEqual(start, []);
  assert.deepEqual(machine.step(PREEMPT_AFTER_MS).abort, [], 'one place is enough for one that waits');
  machine.ended(abort[0] as Try, 'failed', PREEMPT_AFTER_MS);
  assert.deepEqual(started(machine, PREEMPT_AFTER_MS), ['true1']);
});

test('a server that has said nothing gives way much sooner, and later each time that it was tried', () => {
  const machine = tries();
  const silent = Array.from({ length: MAX_TRIES }, (_, i) => server(`tarpit${i}`, `t${i}`));
  machine.setServers(silent, 0);
  const [first, second, ...others] = machine.step(0).start;
  assert.ok(first && second);
  machine.answered(first);
  machine.setServers([...silent, server('true', 'true1')], 100);
  assert.equal(machine.nextMs(), SILENT_PREEMPT_AFTER_MS);
  assert.deepEqual(machine.step(SILENT_PREEMPT_AFTER_MS).abort, [second]);
  machine.ended(second, 'failed', SILENT_PREEMPT_AFTER_MS);
  assert.deepEqual(started(machine, SILENT_PREEMPT_AFTER_MS), ['true1']);
  // It has failed once: so it may be a slow one.
  machine.setServers([...silent, server('true', 'true1'), server('late', 'late1')], SILENT_PREEMPT_AFTER_MS);
  for (const attempt of others) machine.answered(attempt);
  machine.ended(first, 'failed', SILENT_PREEMPT_AFTER_MS);
  const againMs = SILENT_PREEMPT_AFTER_MS + FIRST_PAUSE_MS;
  assert.deepEqual(started(machine, SILENT_PREEMPT_AFTER_MS), ['late1']);
  assert.equal(machine.nextMs(), 2 * SILENT_PREEMPT_AFTER_MS, 'true1 is silent as well');
  assert.deepEqual(
    machine.step(Math.max(againMs, 2 * SILENT_PREEMPT_AFTER_MS)).abort.map(({ target: { host } }) => host),
    ['true1', 'late1'],
  );
});

/** A machine whose places are all taken by tries that hang, and what is announced of them. */
function full(): { machine: ServerTries; hanging: Server[] } {
  const machine = new ServerTries({ retryMs: RETRY_MS, random: seededRandom(3) });
  const hanging = Array.from({ length: MAX_TRIES }, (_, i) => server(`tarpit${i}`, `t${i}`));
  machine.setServers(hanging, 0);
  hangAll(machine, 0);
  return { machine, hanging };
}

/** Lets one try give way, and says what begins in its place. */
function replace(machine: ServerTries, nowMs: number): string[] {
  const [oldest] = machine.step(nowMs).abort;
  assert.ok(oldest);
  machine.ended(oldest, 'failed', nowMs);
  return started(machine, nowMs);
}

test('a server that waits for its first try keeps its place when it is not announced any more, for one try', () => {
  const { machine, hanging } = full();
  machine.setServers([...hanging, server('true', 'true1')], 10);
  machine.setServers(hanging, 20);
  assert.equal(machine.nextMs(), PREEMPT_AFTER_MS);
  const { abort } = machine.step(PREEMPT_AFTER_MS);
  machine.ended(abort[0] as Try, 'failed', PREEMPT_AFTER_MS);
  const attempt = only(machine, PREEMPT_AFTER_MS);
  assert.equal(attempt.target.host, 'true1');
  machine.ended(attempt, 'failed', PREEMPT_AFTER_MS);
  machine.setServers([], PREEMPT_AFTER_MS);
  assert.equal(machine.nextMs(), Infinity);
});

test('places go in turn to who has answered us alone, who was only heard of, and who had a try', () => {
  const { machine, hanging } = full();
  const some = (name: string) => Array.from({ length: 3 }, (_, i) => server(`${name}${i}`, `${name}${i}`));
  // Those that hang have another address each: they wait for a second try.
  const again = hanging.map(({ key, targets: [first] }) => server(key, first?.host ?? '', `${key}again`));
  const direct = some('direct').map(one => ({ ...one, isDirect: true }));
  machine.setServers([...again, ...some('heard'), ...direct], STAGGER_MS);
  const order = machine
    .step(PREEMPT_AFTER_MS)
    .abort.slice(0, 9)
    .map(attempt => {
      machine.ended(attempt, 'failed', PREEMPT_AFTER_MS);
      const [host = ''] = started(machine, PREEMPT_AFTER_MS);
      return /^[a-z]+/.exec(host)?.[0];
    });
  const round = ['direct', 'heard', 'tarpit'];
  const first = round.indexOf(order[0] ?? '');
  assert.deepEqual(
    order,
    order.map((_, i) => round[(first + i) % 3]),
  );
});

test('a server that has failed once gets another try in a flood of new ones', () => {
  const machine = new ServerTries({ retryMs: RETRY_MS, random: seededRandom(5) });
  const slow = server('slow', 'slow1');
  machine.setServers([slow], 0);
  machine.ended(only(machine, 0), 'failed', 0);
  let again = 0;
  for (let nowMs = 0, count = 0; nowMs < 60_000; nowMs += 50) {
    const flood = Array.from({ length: 32 }, () => server(`false${++count}`, `f${count}`));
    machine.setServers([slow, ...flood], nowMs);
    const { start, abort } = machine.step(nowMs);
    for (const attempt of abort) machine.ended(attempt, 'failed', nowMs);
    for (const attempt of start.filter(({ serverKey }) => serverKey === 'slow')) {
      again++;
      machine.ended(attempt, 'failed', nowMs);
    }
  }
  assert.ok(again >= 5, `${again} tries in a minute`);
});

for (const kind of ['heard', 'direct'] as const) {
  test(`a flood of servers that were ${kind} does not keep one of the other kind waiting`, () => {
    const machine = new ServerTries({ retryMs: RETRY_MS, random: seededRandom(6) });
    const isDirect = kind === 'direct';
    let isTried = false;
    for (let nowMs = 0, count = 0; nowMs < 60_000 && !isTried; nowMs += 50) {
      const flood = Array.from({ length: 32 }, () => ({
        ...server(`false${++count}`, `f${count}`),
        isDirect,
      }));
      const late = nowMs < 30_000 ? [] : [{ ...server('true', 'true1'), isDirect: !isDirect }];
      machine.setServers([...flood, ...late], nowMs);
      const { start, abort } = machine.step(nowMs);
      for (const attempt of abort) machine.ended(attempt, 'failed', nowMs);
      isTried = start.some(({ serverKey }) => serverKey === 'true');
      if (isTried) assert.ok(nowMs <= 30_000 + SILENT_PREEMPT_AFTER_MS, `${nowMs}`);
    }
    assert.ok(isTried);
  });
}

test('of the servers that were not tried, the one that comes again and again goes first', () => {
  const { machine, hanging } = full();
  for (let i = 0; i < 500; i++) machine.setServers([...hanging, server(`false${i}`, `f${i}`)], i);
  for (let i = 0; i < 3; i++) {
    machine.setServers([...hanging, server('true', 'true1')], 500);
    machine.setServers(hanging, 500);
  }
  for (let i = 500; i < 1000; i++) machine.setServers([...hanging, server(`false${i}`, `f${i}`)], i);
  assert.deepEqual(replace(machine, PREEMPT_AFTER_MS), ['true1']);
});

test('servers that are not announced any more are not remembered without limit', () => {
  const { machine, hanging } = full();
  const flood = Array.from({ length: 10 * MAX_WAITING }, (_, i) => server(`false${i}`, `f${i}`));
  for (let i = 0; i < flood.length; i += 64) machine.setServers([...hanging, ...flood.slice(i, i + 64)], i);
  machine.setServers([], PREEMPT_AFTER_MS);
  let tried = 0;
  for (let ends = machine.step(PREEMPT_AFTER_MS).abort; ends.length > 0; tried += ends.length) {
    for (const attempt of ends) machine.ended(attempt, 'failed', PREEMPT_AFTER_MS);
    ends = machine.step(PREEMPT_AFTER_MS).start;
  }
  assert.ok(tried > 0 && tried <= MAX_WAITING, `${tried}`);
});

for (const perSecond of [10, 100, 1000]) {
  test(`with ${perSecond} new false servers a second, which hold every try, the true one is soon tried`, () => {
    const random = seededRandom(perSecond);
    const resolver = new ServiceResolver(0, random);
    const machine = new ServerTries({ retryMs: RETRY_MS, random });
    const SERVICE = '_mandos._tcp.local';
    const announce = (label: string, address: string): DnsRecord[] => [
      { type: 'PTR', name: SERVICE, ttlS: 4500, instance: `${label}.${SERVICE}` },
      { type: 'SRV', name: `${label}.${SERVICE}`, ttlS: 120, host: `${label}.local`, port: 1 },
      { type: 'AAAA', name: `${label}.local`, ttlS: 120, address, flush: true },
    ];
    const BEGIN_MS = 60_000;
    const STEP_MS = 50;
    let trueMs = Infinity;
    let count = 0;
    for (let nowMs = 0; trueMs === Infinity && nowMs < 600_000; nowMs += STEP_MS) {
      for (; count < (nowMs / 1000) * perSecond; count++) {
        const address = `fe80::${(count >> 16).toString(16)}:${(count & 0xffff).toString(16)}`;
        resolver.receive(announce(`false${count}`, address), nowMs);
      }
      if (nowMs >= BEGIN_MS && nowMs % 2000 === 0) resolver.receive(announce('true', 'fe80::1:2:3:4'), nowMs);
      machine.setServers(
        resolver.services(nowMs).map(({ instance, addresses }) => server(instance, ...addresses)),
        nowMs,
      );
      for (const attempt of machine.step(nowMs).abort) machine.ended(attempt, 'failed', nowMs);
      if (started(machine, nowMs).includes('fe80::1:2:3:4')) trueMs = nowMs;
    }
    // One turn of all places, in which it has become the one that came most often.
    assert.ok(trueMs - BEGIN_MS <= 2 * PREEMPT_AFTER_MS, `${trueMs - BEGIN_MS} ms`);
  });
}

test('another name for a place that is being tried takes no try away from others', () => {
  const machine = tries();
  const hanging = Array.from({ length: MAX_TRIES }, (_, i) => server(`tarpit${i}`, `t${i}`));
  machine.setServers(hanging, 0);
  hangAll(machine, 0);
  machine.setServers([...hanging, server('alias', 't5')], PREEMPT_AFTER_MS);
  assert.deepEqual(machine.step(PREEMPT_AFTER_MS), { start: [], abort: [] });
});

/** How an address behaves in a simulation. */
type Behaviour = { kind: 'unreachable' | 'refuses'; afterMs: number } | { kind: 'hangs' };

for (const seed of [1, 2, 3, 4, 5]) {
  test(`whatever servers do, none starves and there are never too many tries (seed ${seed})`, () => {
    const random = seededRandom(seed);
    const pick = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
    const servers = Array.from({ length: pick(20, 60) }, (_, i) =>
      server(`s${i}`, ...Array.from({ length: pick(1, 4) }, (__, j) => `s${i}a${j}`)),
    );
    const behaviours = new Map<string, Behaviour>(
      servers.flatMap(({ targets }) =>
        targets.map(({ host }): [string, Behaviour] => {
          const kind = (['unreachable', 'refuses', 'hangs'] as const)[pick(0, 2)] ?? 'hangs';
          return [host, kind === 'hangs' ? { kind } : { kind, afterMs: pick(0, 5000) }];
        }),
      ),
    );
    const machine = new ServerTries({ retryMs: RETRY_MS, random });
    machine.setServers(servers, 0);
    const ends: { atMs: number; attempt: Try; outcome: TryOutcome }[] = [];
    const running = new Set<Try>();
    const starts = new Map<string, number[]>();
    const end = (attempt: Try, outcome: TryOutcome, nowMs: number) => {
      running.delete(attempt);
      machine.ended(attempt, outcome, nowMs);
    };
    const LASTING_MS = 3_600_000;
    for (let nowMs = 0; nowMs < LASTING_MS;) {
      for (const { attempt, outcome } of ends.filter(({ atMs }) => atMs <= nowMs)) {
        if (running.has(attempt)) end(attempt, outcome, nowMs);
      }
      const { start, abort } = machine.step(nowMs);
      for (const attempt of start) {
        running.add(attempt);
        const { host } = attempt.target;
        starts.set(host, [...(starts.get(host) ?? []), nowMs]);
        const behaviour = behaviours.get(host);
        if (behaviour && behaviour.kind !== 'hangs') {
          const outcome = behaviour.kind === 'refuses' ? 'failed' : 'unreachable';
          ends.push({ atMs: nowMs + behaviour.afterMs, attempt, outcome });
        }
      }
      assert.ok(running.size <= MAX_TRIES);
      assert.equal(new Set([...running].map(attempt => attempt.target.host)).size, running.size);
      for (const attempt of abort) end(attempt, 'failed', nowMs);
      ends.splice(0, ends.length, ...ends.filter(({ attempt }) => running.has(attempt)));
      const nextMs = Math.min(machine.nextMs(), ...ends.map(({ atMs }) => atMs));
      assert.ok(nextMs < Infinity, 'it never comes to an end');
      nowMs = Math.max(nextMs, nowMs + (abort.length > 0 ? 0 : 1));
    }
    // Each place is held for PREEMPT_AFTER_MS at most while others wait, so that all have had several turns.
    const roundMs = Math.ceil(behaviours.size / MAX_TRIES) * PREEMPT_AFTER_MS + RETRY_MS * 4;
    for (const [host, behaviour] of behaviours) {
      const times = starts.get(host) ?? [];
      assert.ok(times.length > 0, `${host} was never tried`);
      if (behaviour.kind === 'hangs') continue;
      const gaps = times.map((atMs, i) => (times[i + 1] ?? LASTING_MS) - atMs);
      assert.ok(Math.max(times[0] ?? 0, ...gaps) <= 2 * roundMs, `${host}: ${Math.max(...gaps)} ms`);
    }
  });
}

test('with places to spare every server is tried again within --retry of its last try', () => {
  const random = seededRandom(7);
  const machine = new ServerTries({ retryMs: RETRY_MS, random });
  const servers = Array.from({ length: MAX_TRIES }, (_, i) => server(`s${i}`, `h${i}`));
  machine.setServers(servers, 0);
  const last = new Map<string, number>();
  for (let nowMs = 0; nowMs < 600_000; nowMs = machine.nextMs()) {
    for (const attempt of machine.step(nowMs).start) {
      const gapMs = nowMs - (last.get(attempt.serverKey) ?? nowMs);
      assert.ok(gapMs <= RETRY_MS, `${gapMs} ms`);
      last.set(attempt.serverKey, nowMs);
      machine.ended(attempt, 'failed', nowMs);
    }
  }
  assert.ok([...last.values()].every(atMs => atMs > 590_000 - RETRY_MS));
});
