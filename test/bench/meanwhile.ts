import { connectBus } from '../../common/dbus/bus.js';
import type { Host, Lan } from '../support/namespace.js';
import { startBus } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { pinBesideServer, pinServer, unpin } from './cores.js';
import { checkedEach, fleetSections, HARDLY_CHECKED } from './fleet.js';
import { allClientsMs, BUS_LIMITS, MESSAGE_LIMIT_BYTES } from './listing.js';
import type { LoadProgram, LoadResult } from './load-run.js';
import type { Recorder } from './results.js';
import { formatNumber } from './results.js';
import { settled, startOurs } from './servers.js';
import { median } from './statistics.js';

/** What clients that boot feel of what else the server does: all clients listed over D-Bus, and many checks. */
const CLIENTS = 10_000;
/** 833 checks a second, as of 100,000 clients with the usual two minutes. */
const OFTEN_CHECKED = checkedEach('PT12S', 'PT10M');
const WORKERS = [1, 2];
const ROUNDS = 3;
/** Far below what a core can serve, so that who waits waits for something else than the other clients. */
const LOAD = { releases: 2_000, simultaneous: 32, rate: 200 };
const WARM_UP = { releases: 4_000, simultaneous: 8 };
const MOVE_TARGET_MS = 20;

interface Rounds {
  readonly alone: LoadResult[];
  readonly listing: LoadResult[];
  readonly checks: LoadResult[];
}

export async function benchMeanwhile(lan: Lan, keys: Keys, load: LoadProgram, recorder: Recorder) {
  const section = recorder.section(
    'meanwhile',
    `Releases while something else goes on: ${formatNumber(CLIENTS)} clients, ${LOAD.rate} releases a second, median of ${ROUNDS} rounds`,
  );
  section.note('the server on one core; load, D-Bus and its caller on another');
  const all: { workers: number; rounds: Rounds }[] = [];
  pinBesideServer();
  try {
    for (const workers of WORKERS) {
      const { alone, listing } = await aloneAndListing(lan, keys, load, workers);
      const checks = await duringChecks(lan, keys, load, workers);
      all.push({ workers, rounds: { alone, listing, checks } });
    }
  } finally {
    unpin();
  }
  const of = (results: readonly LoadResult[], field: 'p50' | 'p99' | 'max') =>
    median(results.map(result => result[field]));
  const row = (name: string, results: readonly LoadResult[]) => ({
    name,
    values: (['p50', 'p99', 'max'] as const).map(field => of(results, field)),
  });
  const rows = all.flatMap(({ workers, rounds }) => [
    row(`${workers} worker${workers > 1 ? 's' : ''}, releases alone`, rounds.alone),
    row('… while all clients are listed over D-Bus', rounds.listing),
    row('… during 833 checks a second', rounds.checks),
  ]);
  section.setTable({ columns: ['p50 ms', 'p99 ms', 'at most ms'], rows });
  for (const { workers, rounds } of all) {
    const moved = (what: string, results: readonly LoadResult[]) =>
      section.figure(
        `${workers} worker${workers > 1 ? 's' : ''}, p99 moves during ${what}`,
        of(results, 'p99') - of(rounds.alone, 'p99'),
        'ms',
        MOVE_TARGET_MS,
      );
    moved('lists', rounds.listing);
    moved('checks', rounds.checks);
  }
  section.charts.push({
    file: 'meanwhile',
    title: 'Releases while something else goes on',
    panels: [
      {
        kind: 'bars',
        title: '99 of 100 take at most, ms',
        bars: rows.map(({ name, values: [, p99 = 0] }) => ({ label: name, value: p99 })),
      },
    ],
  });
}

async function start(
  lan: Lan,
  { keys, load, workers, common }: { keys: Keys; load: LoadProgram; workers: number; common: string },
): Promise<{ host: Host; pid: number; port: number; address: string }> {
  const host = await lan.host(`meanwhile${hosts++}`);
  const { address } = await startBus(host, { limits: BUS_LIMITS });
  const clientsConf = common + keys.section + fleetSections(CLIENTS - 1, keys.bytes);
  const { child, port } = await startOurs(host, { clientsConf, workers });
  pinServer(child.pid);
  await load.run(host, port, WARM_UP);
  return { host, pid: child.pid, port, address };
}
let hosts = 0;

async function aloneAndListing(lan: Lan, keys: Keys, load: LoadProgram, workers: number) {
  const { host, pid, port, address } = await start(lan, { keys, load, workers, common: HARDLY_CHECKED });
  await settled(pid);
  const bus = await connectBus(address, { messageLimitBytes: MESSAGE_LIMIT_BYTES });
  const [alone, listing]: [LoadResult[], LoadResult[]] = [[], []];
  try {
    await allClientsMs(bus, CLIENTS); // not measured: warms up
    for (let i = 0; i < ROUNDS; i++) {
      alone.push(await load.run(host, port, LOAD));
      const end = new AbortController();
      const result = load.run(host, port, LOAD).finally(() => end.abort());
      while (!end.signal.aborted) await allClientsMs(bus, CLIENTS);
      listing.push(await result);
    }
  } finally {
    bus.close();
    await host.stopAll();
  }
  return { alone, listing };
}

async function duringChecks(lan: Lan, keys: Keys, load: LoadProgram, workers: number) {
  const { host, port } = await start(lan, { keys, load, workers, common: OFTEN_CHECKED });
  const results: LoadResult[] = [];
  while (results.length < ROUNDS) results.push(await load.run(host, port, LOAD));
  await host.stopAll();
  return results;
}
