import { chmodSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../support/child.js';
import type { Host, Lan } from '../support/namespace.js';
import { startBus } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { fleetSections } from './fleet.js';
import type { LoadProgram } from './load-run.js';
import { childrenFigures, cpuTime, residentMb, treeCpuMs } from './process-figures.js';
import type { Recorder, SectionRecorder } from './results.js';
import { formatNumber } from './results.js';
import type { StartedServer } from './servers.js';
import { startOriginal, startOurs, stopServer } from './servers.js';

/** The life of a server with many clients, which are checked each two minutes by the default checker. */
const SETTLE_MS = 15_000;
/** The long form covers the first check of each client and the second. */
const LONG_SETTLE_MS = 150_000;
const LONG_STEADY_MS = 180_000;
const SAMPLE_MS = 2_000;
const LOAD = { releases: 2_000, simultaneous: 4 };
const COMPARED_CLIENTS = 1_000;
const COMPARED_SETTLE_MS = 2_000;
const COMPARED_STEADY_MS = 10_000;
/** Of a check a second takes two minutes. */
const INTERVAL_S = 120;

interface Target {
  readonly clients: number;
  /** How long its CPU is measured, in the short form. */
  readonly steadyMs: number;
  readonly startMs?: number;
  readonly stopMs?: number;
  readonly residentMb: number;
  readonly cores?: number;
}

const TARGETS: readonly Target[] = [
  { clients: 10_000, steadyMs: 20_000, startMs: 2_000, stopMs: 1_000, residentMb: 160 },
  { clients: 100_000, steadyMs: 60_000, residentMb: 700, cores: 0.5 },
];
const LATENESS_TARGET_MS = 1_000;
const RELEASE_P99_TARGET_MS = 50;

/** What is drawn, by whose. */
interface Drawn {
  readonly label: string;
  readonly startMs: number;
  readonly residentMb: number;
  readonly cores: number;
}

/** @param isLong covers two checks of each client: some 20 minutes */
export async function benchLife(
  lan: Lan,
  keys: Keys,
  load: LoadProgram,
  recorder: Recorder,
  isLong: boolean,
): Promise<void> {
  const scene: Scene = { host: await lan.host('life'), keys, load, isLong };
  const drawn: Drawn[] = [];
  const title = `${formatNumber(COMPARED_CLIENTS)} clients, each checked every two minutes`;
  drawn.push(...(await compare(scene, recorder.section('life-compared', title))));
  let last: SectionRecorder | undefined;
  for (const target of TARGETS) {
    const perSecond = Math.round(target.clients / INTERVAL_S);
    last = recorder.section(
      `life-${target.clients}`,
      `${formatNumber(target.clients)} clients, ${perSecond} checks a second`,
    );
    drawn.push(await measure(scene, target, last));
  }
  const panel = (name: string, field: 'startMs' | 'residentMb' | 'cores') => ({
    kind: 'bars' as const,
    title: name,
    bars: drawn.map(one => ({ label: one.label, value: one[field] })),
  });
  last?.charts.push({
    file: 'life',
    title: 'A server and its clients, each checked every two minutes',
    panels: [
      panel('from start to listening, ms', 'startMs'),
      panel('resident memory of the server, MB', 'residentMb'),
      panel('CPU with all checks, cores', 'cores'),
    ],
  });
}

interface Scene {
  readonly host: Host;
  readonly keys: Keys;
  readonly load: LoadProgram;
  readonly isLong: boolean;
}

async function start(
  { host, keys }: Scene,
  clients: number,
): Promise<StartedServer & { latenessFile: string }> {
  const directory = mkdtempSync(join(host.runDirectory, 'lateness-'));
  chmodSync(directory, 0o777); // the server changes its user
  const latenessFile = join(directory, 'figures');
  const clientsConf = keys.section + fleetSections(clients - 1, keys.bytes);
  const env = { LATENESS_FILE: latenessFile };
  return { ...(await startOurs(host, { clientsConf, measuredBy: 'timer-lateness.js', env })), latenessFile };
}

/** The CPU, in cores, and the memory that a server and its checkers need. */
async function watch(pid: number, forMs: number) {
  const [startMs, before] = [performance.now(), [cpuTime(pid).ownMs, treeCpuMs(pid)] as const];
  const samples: ReturnType<typeof childrenFigures>[] = [];
  while (performance.now() - startMs < forMs) {
    await sleep(SAMPLE_MS);
    samples.push(childrenFigures(pid, 'fping'));
  }
  const tookMs = performance.now() - startMs;
  return {
    ownCores: (cpuTime(pid).ownMs - before[0]) / tookMs,
    cores: (treeCpuMs(pid) - before[1]) / tookMs,
    children: Math.max(...samples.map(({ count }) => count)),
    childrenMb: Math.max(...samples.map(({ pssMb }) => pssMb)),
    ...residentMb(pid),
  };
}

async function measure(scene: Scene, target: Target, section: SectionRecorder): Promise<Drawn> {
  const { host, load, isLong } = scene;
  const { clients } = target;
  const { child, port, tookMs, latenessFile } = await start(scene, clients);
  section.figure('start to listening', tookMs, 'ms', target.startMs);
  section.figure('CPU of that', cpuTime(child.pid).ownMs, 'ms');
  await sleep(isLong ? LONG_SETTLE_MS : SETTLE_MS);
  const figures = await watch(child.pid, isLong ? LONG_STEADY_MS : target.steadyMs);
  section.figure('CPU, server', figures.ownCores, 'cores');
  section.figure('CPU, fpings and the writer of the state', figures.cores - figures.ownCores, 'cores');
  section.figure('CPU in all', figures.cores, 'cores', target.cores);
  section.figure('resident memory of the server', figures.nowMb, 'MB', target.residentMb);
  section.figure('… at most since the start', figures.peakMb, 'MB');
  section.figure('fpings at once, at most', figures.children, '');
  section.figure('… their memory (Pss)', figures.childrenMb, 'MB');
  const { p99 } = await load.run(host, port, LOAD);
  section.figure('release during checks, p99', p99, 'ms', RELEASE_P99_TARGET_MS);
  section.figure('stop', await stopServer(child), 'ms', target.stopMs);
  const lateness = JSON.parse(readFileSync(latenessFile, 'utf8')) as Record<'p99Ms' | 'maxMs', number>;
  section.figure('timers late, p99', lateness.p99Ms, 'ms');
  section.figure('timers late, at most', lateness.maxMs, 'ms', LATENESS_TARGET_MS);
  const failed = child.output.match(/(disabled|check failed):.*/g) ?? [];
  if (failed.length > 0) throw new Error(`${failed.length} checks have failed: ${failed[0]}`);
  const label = `mandos-ts, ${formatNumber(clients)} clients`;
  return { label, startMs: tookMs, residentMb: figures.nowMb, cores: figures.cores };
}

/** Both servers with as many clients as the original can have in reasonable time. */
async function compare(scene: Scene, section: SectionRecorder): Promise<Drawn[]> {
  const { host, keys, load } = scene;
  const ours = await start(scene, COMPARED_CLIENTS);
  // Beside those during many checks: what the machine and its disk allow.
  section.figure('mandos-ts, release, p99', (await load.run(host, ours.port, LOAD)).p99, 'ms');
  const own = await compareOne(section, 'mandos-ts', ours.child, ours.tookMs);
  await startBus(host);
  const clientsConf = keys.section + fleetSections(COMPARED_CLIENTS - 1, keys.bytes);
  const theirs = await startOriginal(host, clientsConf);
  const other = await compareOne(section, 'Mandos 1.8.16', theirs.child, theirs.tookMs);
  return [own, other];
}

async function compareOne(
  section: SectionRecorder,
  name: string,
  child: Child,
  startedInMs: number,
): Promise<Drawn> {
  section.figure(`${name}, start to listening`, startedInMs, 'ms');
  await sleep(COMPARED_SETTLE_MS);
  const { cores, nowMb } = await watch(child.pid, COMPARED_STEADY_MS);
  section.figure(`${name}, CPU in all`, cores, 'cores');
  section.figure(`${name}, resident memory`, nowMb, 'MB');
  try {
    section.figure(`${name}, stop`, await stopServer(child), 'ms');
  } catch {
    section.note(`${name} does not stop as it should, and is killed`);
    child.kill();
  }
  const label = `${name}, ${formatNumber(COMPARED_CLIENTS)} clients`;
  return { label, startMs: startedInMs, residentMb: nowMb, cores };
}
