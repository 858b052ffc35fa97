import { chmodSync, mkdtempSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { Child } from '../support/child.js';
import type { Host } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { startBus, startRealMandos, writeServerConfig } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { makeKeys, MANDOS } from '../support/programs.js';
import { fleetSections } from './fleet.js';
import { childrenFigures, cpuTime, residentMb } from './process-figures.js';

/**
 * The life of a server with many clients, which are checked each two minutes by the default checker:
 * `node life.js [long]`.
 */
const HERE = import.meta.dirname;
const IS_LONG = process.argv.includes('long');
/** The long form covers the first check of each client and the second. */
const SETTLE_MS = IS_LONG ? 150_000 : 15_000;
const LONG_STEADY_MS = 180_000;
const SAMPLE_MS = 2_000;
const RELEASES = 2_000;
const SIMULTANEOUS = 4;
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 20_000;
const COMPARED_CLIENTS = 1_000;
const COMPARED_SETTLE_MS = 2_000;
const COMPARED_STEADY_MS = 10_000;

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

function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** A line of the table: the figure, and whether it is as good as it is to be. */
function row(what: string, figure: number, unit: string, target?: number): void {
  const digits = figure < 10 ? 2 : 0;
  const verdict =
    target === undefined
      ? ''
      : `${target} ${unit}`.padStart(12) + (figure <= target ? '   met' : '   MISSED');
  say(`  ${what.padEnd(46)}${figure.toFixed(digits).padStart(10)} ${unit.padEnd(6)}${verdict}`);
}

async function sleep(ms: number): Promise<void> {
  await new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}

interface Started {
  readonly child: Child;
  readonly port: number;
  readonly tookMs: number;
  readonly latenessFile: string;
}

async function start(host: Host, clientsConf: string): Promise<Started> {
  const configDirectory = writeServerConfig(host, clientsConf);
  const stateDirectory = mkdtempSync(join(host.runDirectory, 'state-'));
  chmodSync(stateDirectory, 0o777); // it changes its user
  const latenessFile = join(stateDirectory, 'lateness');
  const startMs = performance.now();
  const args = ['--foreground', '--debuglevel=INFO', '--no-zeroconf', '--port=0'];
  const places = [`--configdir=${configDirectory}`, `--statedir=${stateDirectory}`];
  const child = host.spawn(
    process.execPath,
    ['--import', join(HERE, 'timer-lateness.js'), MANDOS, ...args, ...places],
    { env: { LATENESS_FILE: latenessFile } },
  );
  const listening = await child.waitForOutput(/listening on .*:(\d+)$/m, START_LIMIT_MS);
  return { child, port: Number(listening[1]), tookMs: performance.now() - startMs, latenessFile };
}

/** The CPU, in cores, and the memory that a server and its checkers need. */
async function watch(pid: number, forMs: number) {
  const [startMs, before] = [performance.now(), cpuTime(pid)];
  const samples: ReturnType<typeof childrenFigures>[] = [];
  while (performance.now() - startMs < forMs) {
    await sleep(SAMPLE_MS);
    samples.push(childrenFigures(pid, 'fping'));
  }
  const [tookMs, after] = [performance.now() - startMs, cpuTime(pid)];
  return {
    ownCores: (after.ownMs - before.ownMs) / tookMs,
    childrenCores: (after.childrenMs - before.childrenMs) / tookMs,
    children: Math.max(...samples.map(({ count }) => count)),
    childrenMb: Math.max(...samples.map(({ pssMb }) => pssMb)),
    ...residentMb(pid),
  };
}

async function releaseP99Ms(host: Host, port: number, { keys, bytes }: Keys): Promise<number> {
  const args = [join(HERE, 'load.js'), '::1', port, keys, RELEASES, SIMULTANEOUS, bytes].map(String);
  const { stdout, stderr } = await host.run(process.execPath, args, { timeoutMs: 300_000 });
  const result = JSON.parse(stdout || '{}') as { ok?: number; p99?: number; faults?: string[] };
  if (result.ok !== RELEASES || result.p99 === undefined) {
    throw new Error(`only ${result.ok} of ${RELEASES} releases: ${result.faults?.join(', ')} ${stderr}`);
  }
  return result.p99;
}

async function stop(child: Child): Promise<number> {
  const startMs = performance.now();
  child.signal('SIGTERM');
  const exit = await child.waitForExit(STOP_LIMIT_MS);
  if (exit.code !== 0) throw new Error(`the server has not stopped as it should: ${child.tail()}`);
  return performance.now() - startMs;
}

async function benchLife(host: Host, keys: Keys, target: Target): Promise<void> {
  const { clients } = target;
  const clientsConf = keys.section + fleetSections(clients - 1, keys.bytes);
  say(`mandos-ts, ${clients} clients, ${Math.round(clients / 120)} checks a second`);
  const { child, port, tookMs, latenessFile } = await start(host, clientsConf);
  row('start to listening', tookMs, 'ms', target.startMs);
  row('CPU of that', cpuTime(child.pid).ownMs, 'ms');
  await sleep(SETTLE_MS);
  const figures = await watch(child.pid, IS_LONG ? LONG_STEADY_MS : target.steadyMs);
  row('CPU, server', figures.ownCores, 'cores');
  row('CPU, fpings', figures.childrenCores, 'cores');
  row('CPU in all', figures.ownCores + figures.childrenCores, 'cores', target.cores);
  row('resident memory of the server', figures.nowMb, 'MB', target.residentMb);
  row('… at most since the start', figures.peakMb, 'MB');
  row('fpings at once, at most', figures.children, '');
  row('… their memory (Pss)', figures.childrenMb, 'MB');
  row('release during checks, p99', await releaseP99Ms(host, port, keys), 'ms', RELEASE_P99_TARGET_MS);
  row('stop', await stop(child), 'ms', target.stopMs);
  const lateness = JSON.parse(readFileSync(latenessFile, 'utf8')) as Record<'p99Ms' | 'maxMs', number>;
  row('timers late, p99', lateness.p99Ms, 'ms');
  row('timers late, at most', lateness.maxMs, 'ms', LATENESS_TARGET_MS);
  const failed = child.output.match(/(disabled|check failed):.*/g) ?? [];
  if (failed.length > 0) throw new Error(`${failed.length} checks have failed: ${failed[0]}`);
  say();
}

/** Both servers with as many clients as the original can have in reasonable time. */
async function compare(host: Host, keys: Keys): Promise<void> {
  const clientsConf = keys.section + fleetSections(COMPARED_CLIENTS - 1, keys.bytes);
  say(`${COMPARED_CLIENTS} clients`);
  const ours = await start(host, clientsConf);
  // Beside those during many checks: what the machine and its disk allow.
  row('mandos-ts, release, p99', await releaseP99Ms(host, ours.port, keys), 'ms');
  await compareOne('mandos-ts', ours.child, ours.tookMs);
  await startBus(host);
  const configDirectory = writeServerConfig(host, clientsConf);
  const startMs = performance.now();
  const theirs = await startRealMandos(host, { configDirectory, args: ['--no-zeroconf', '--port=4711'] });
  await compareOne('Mandos 1.8.16', theirs.child, performance.now() - startMs);
  say();
}

async function compareOne(name: string, child: Child, startedInMs: number): Promise<void> {
  row(`${name}, start to listening`, startedInMs, 'ms');
  await sleep(COMPARED_SETTLE_MS);
  const { ownCores, childrenCores, nowMb } = await watch(child.pid, COMPARED_STEADY_MS);
  row(`${name}, CPU in all`, ownCores + childrenCores, 'cores');
  row(`${name}, resident memory`, nowMb, 'MB');
  try {
    row(`${name}, stop`, await stop(child), 'ms');
  } catch {
    say(`  ${name}, stop: not within ${STOP_LIMIT_MS / 1000} s; killed`);
    child.kill();
  }
}

const hooks: (() => Promise<void>)[] = [];
try {
  const lan = await createLan({ after: hook => hooks.push(hook) });
  const host = await lan.host('server');
  const keys = await makeKeys(lan.directory, 'client', 'benchmark password');
  say(`The life of a server (${IS_LONG ? 'long' : 'short'}): each client is checked every two minutes`);
  say(`Load of the machine before: ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores`);
  say();
  await compare(host, keys);
  for (const target of TARGETS) await benchLife(host, keys, target);
} finally {
  for (const hook of hooks) await hook();
}
