import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SERVER_PRIORITY } from '../../common/protocol.js';
import type { Host, Lan } from '../support/namespace.js';
import { startBus } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { pinServer } from './cores.js';
import { fleetSections, HARDLY_CHECKED } from './fleet.js';
import type { LoadProgram } from './load-run.js';
import { buildProgram, CAN_BUILD } from './native.js';
import { treeCpuMs } from './process-figures.js';
import type { Recorder } from './results.js';
import { formatNumber } from './results.js';
import { settled, startOriginal, startOurs } from './servers.js';
import { median } from './statistics.js';

/** What a release costs this server, the original, and a server that does nothing else: the same load for each in turn. */
const ROUNDS = 3;
/** A fleet after a power cut: decisions that come together share a write to the disk. */
const SIMULTANEOUS = 64;
const RELEASES = 3_000;
/** Until V8 has compiled what is used often. */
const WARM_UP_RELEASES = 3_000;
const WORKERS = [1, 2];
const CLIENTS = [10, 10_000, 100_000];
/** Its releases cost more the more clients it has, as does its start: a thousand are what can be waited for. */
const ORIGINAL_CLIENTS = [10, 1_000];
/** So many of its releases take some seconds. */
const originalReleases = (clients: number) => (clients < 100 ? 300 : 20);

/** With more, some of its clients wait for half a minute. */
const ORIGINAL_SIMULTANEOUS = 8;

const LIMIT_TARGET = 1.35;
const WORKERS_TARGET = 1.15;
const ORIGINAL_TARGET = 0.1;
const ORIGINAL = 'Mandos 1.8.16';
const NO_DBUS = 'mandos-ts, 1 worker, 10 clients, no D-Bus';
const LIMIT = 'C, nothing but the protocol';
const SAME_ALGORITHMS = "C, with this project's order of algorithms";

interface Contender {
  readonly name: string;
  readonly host: Host;
  readonly pid: number;
  readonly port: number;
  readonly releases: number;
}

interface Round {
  readonly cpuMs: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

const ours = (workers: number, clients: number) =>
  `mandos-ts, ${workers} worker${workers > 1 ? 's' : ''}, ${formatNumber(clients)} clients`;
const original = (clients: number) => `${ORIGINAL}, ${formatNumber(clients)} clients`;

export async function benchReleases(lan: Lan, keys: Keys, load: LoadProgram, recorder: Recorder) {
  const section = recorder.section(
    'releases',
    `Releases: ${ROUNDS} interleaved rounds, median; ${SIMULTANEOUS} at a time, of the original ${ORIGINAL_SIMULTANEOUS}`,
  );
  section.note(`load by ${load.name}; the server on one core, the load on another`);
  if (!CAN_BUILD) section.note('no C server beside it: that needs gcc and libgnutls28-dev');
  const contenders = await startAll(lan, keys, load);
  const rounds = new Map(contenders.map(({ name }) => [name, [] as Round[]]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const contender of contenders) rounds.get(contender.name)?.push(await measure(contender, load));
  }
  const of = (name: string, field: keyof Round) =>
    median((rounds.get(name) ?? []).map(round => round[field]));
  const fields = ['cpuMs', 'perSecond', 'p50', 'p99'] as const;
  section.setTable({
    columns: ['CPU ms each', 'a second', 'p50 ms', 'p99 ms'],
    rows: contenders.map(({ name }) => ({ name, values: fields.map(field => of(name, field)) })),
  });
  const ratio = (what: string, a: string, b: string, target?: number) =>
    section.figure(what, of(a, 'cpuMs') / of(b, 'cpuMs'), 'times', target);
  if (CAN_BUILD) ratio("CPU of the C server's, 10 clients, no D-Bus", NO_DBUS, LIMIT, LIMIT_TARGET);
  for (const clients of CAN_BUILD ? CLIENTS : []) {
    ratio(`CPU of the C server's, ${formatNumber(clients)} clients`, ours(1, clients), LIMIT, LIMIT_TARGET);
  }
  if (CAN_BUILD) ratio('… of one with the same order of algorithms', ours(1, 10), SAME_ALGORITHMS);
  for (const clients of CLIENTS) {
    ratio(
      `CPU of 2 workers, of that of 1, ${formatNumber(clients)} clients`,
      ours(2, clients),
      ours(1, clients),
      WORKERS_TARGET,
    );
  }
  ratio("CPU of the original's, 10 clients", ours(1, 10), original(10), ORIGINAL_TARGET);
  const fast = contenders.map(({ name }) => name).filter(name => !name.startsWith(ORIGINAL));
  const panel = (title: string, field: keyof Round, names: readonly string[]) => ({
    kind: 'bars' as const,
    title,
    bars: names.map(name => ({ label: name, value: of(name, field) })),
  });
  section.charts.push({
    file: 'releases',
    title: 'Releases of a secret',
    panels: [
      {
        ...panel(`CPU of one release, ms; target: ${LIMIT_TARGET} times that of C`, 'cpuMs', fast),
        ...(CAN_BUILD ? { target: of(LIMIT, 'cpuMs') * LIMIT_TARGET } : {}),
      },
      panel('CPU of one release beside that of the original, ms', 'cpuMs', [
        ...CLIENTS.slice(0, 1).map(clients => ours(1, clients)),
        ...ORIGINAL_CLIENTS.map(original),
      ]),
      panel('releases a second, server on one core', 'perSecond', [...rounds.keys()]),
      panel(`99 of 100 take at most, ms (${SIMULTANEOUS} at a time)`, 'p99', fast),
    ],
  });
  await Promise.all(contenders.map(({ host }) => host.stopAll()));
}

/** Each has a host and a bus of its own. They all run from here on, but only the one that is measured has work. */
async function startAll(lan: Lan, keys: Keys, load: LoadProgram): Promise<Contender[]> {
  const clientsConf = new Map(
    CLIENTS.concat(ORIGINAL_CLIENTS).map(clients => [
      clients,
      HARDLY_CHECKED + keys.section + fleetSections(clients - 1, keys.bytes),
    ]),
  );
  const contenders: Contender[] = [];
  const add = async (name: string, releases: number, start: (host: Host) => Promise<[number, number]>) => {
    const host = await lan.host(`server${contenders.length}`);
    if (name !== NO_DBUS) await startBus(host);
    const [pid, port] = await start(host);
    await settled(pid);
    pinServer(pid);
    contenders.push({ name, host, pid, port, releases });
  };
  if (CAN_BUILD) {
    await add(LIMIT, RELEASES, host => startLimit(host, keys, load));
    await add(SAME_ALGORITHMS, RELEASES, host => startLimit(host, keys, load, SERVER_PRIORITY));
  }
  const addOurs = (name: string, workers: number, clients: number) =>
    add(name, RELEASES, async host => {
      const started = await startOurs(host, { clientsConf: clientsConf.get(clients) ?? '', workers });
      const { child, port } = started;
      await load.run(host, port, { releases: WARM_UP_RELEASES, simultaneous: SIMULTANEOUS });
      return [child.pid, port];
    });
  await addOurs(NO_DBUS, 1, 10);
  for (const workers of WORKERS) {
    for (const clients of CLIENTS) await addOurs(ours(workers, clients), workers, clients);
  }
  for (const clients of ORIGINAL_CLIENTS) {
    await add(original(clients), originalReleases(clients), async host => {
      const { child, port } = await startOriginal(host, clientsConf.get(clients) ?? '');
      return [child.pid, port];
    });
  }
  return contenders;
}

async function startLimit(
  host: Host,
  keys: Keys,
  load: LoadProgram,
  ...priority: readonly string[]
): Promise<[number, number]> {
  const program = await buildProgram('limit-server', host.runDirectory);
  const keyIdFile = join(host.runDirectory, 'key-ids');
  const [, keyId = ''] = /^key_id = (.*)$/m.exec(keys.section) ?? [];
  writeFileSync(keyIdFile, `${keyId}\n`);
  const child = host.spawn(program, [load.secretFile, keyIdFile, ...priority]);
  const [, port] = await child.waitForOutput(/^listening on .*:(\d+)$/m);
  return [child.pid, Number(port)];
}

async function measure({ name, host, pid, port, releases }: Contender, load: LoadProgram): Promise<Round> {
  const simultaneous = name.startsWith(ORIGINAL) ? ORIGINAL_SIMULTANEOUS : SIMULTANEOUS;
  const beforeMs = treeCpuMs(pid);
  const { seconds, p50, p99 } = await load.run(host, port, { releases, simultaneous });
  return { cpuMs: (treeCpuMs(pid) - beforeMs) / releases, perSecond: releases / seconds, p50, p99 };
}
