import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from '../interop/scene.js';
import type { Cleanup } from '../support/namespace.js';
import type { Attack } from './attacks.js';
import { descriptors, memoryMb, processes, Watch } from './figures.js';
import type { Served, SiteOptions, Spoils } from './site.js';
import { Site } from './site.js';

/**
 * What a server may grow by: 4096 connections at some 25 kB each when they are within the handshake, and what V8 leaves
 * to its next collection.
 */
export const MEMORY_BUDGET_MB = 256;
/** Of this, each worker has its own: 4096 connections are divided among them, V8 is not. */
const WORKER_BUDGET_MB = 96;
/** Lines about refusals: 20 of each of seven kinds, and sums each 30 s. */
export const LOG_BUDGET_LINES = 160;
/** What else may have been opened meanwhile, for the state for instance. */
const SPARE_DESCRIPTORS = 8;
/** Far above the time-outs of the greeting and the handshake. */
const RECOVERY_LIMIT_MS = 90_000;
const RECOVERY_LOOK_MS = 200;
/** Honest clients before an attack, so that what grows once has grown, and after it. */
const BEFORE = 40;
const AFTER = 20;
const CALM_RATE = 100;

export interface Measure {
  /** How long honest clients ask while the attack is under way. */
  readonly seconds: number;
  /** How many of them begin in a second. */
  readonly rate: number;
}

export interface Report {
  readonly program: Program;
  readonly workers: number;
  readonly attack: string;
  readonly spoils: Spoils | undefined;
  readonly asked: number;
  readonly served: Served;
  readonly memoryMb: { readonly before: number; readonly peak: number; readonly after: number };
  /** Of one processor. */
  readonly cpuPercent: number;
  /** Besides those of secrets that were sent. The original is started with all that it can say, to know its port. */
  readonly logLines: number;
  /** The same. */
  readonly auditRecords: number;
  readonly descriptors: { readonly before: number; readonly after: number };
  readonly processes: { readonly before: number; readonly after: number };
  readonly recoverySeconds: number | undefined;
  /** What should not be. */
  readonly problems: readonly string[];
}

/** Attacks a server while honest clients ask, and looks at what becomes of it. */
export async function endure(
  t: Cleanup,
  options: SiteOptions,
  attack: Attack,
  measure: Measure,
): Promise<Report> {
  const site = await Site.open(t, { ...options, mandosConf: attack.mandosConf ?? '' });
  const { child } = site.server;
  const { pid } = child;
  await site.ask(BEFORE, CALM_RATE);
  const before = { mb: memoryMb(pid), descriptors: descriptors(pid), processes: processes(pid) };
  const audited = site.auditRecords;
  const logged = child.output.length;
  const watch = new Watch(pid);
  const tool = await site.attack(attack);
  const asked = measure.seconds * measure.rate;
  const served = await site.ask(asked, measure.rate);
  const cpuPercent = watch.stop();
  tool.stdin.end();
  const spoils = await tool.waitForExit().then(
    () => JSON.parse(tool.stdout.split('\n').at(-2) ?? '{}') as Spoils,
    () => undefined,
  );
  const recoverySeconds = await recover(pid, before);
  const afterwards = await site.ask(AFTER, CALM_RATE);
  const lines = child.output.slice(logged).split('\n').length - 1;
  const sent = child.output.slice(logged).match(/secret sent to/g)?.length ?? 0;
  const report = {
    program: options.program,
    workers: options.workers,
    attack: attack.name,
    spoils,
    asked,
    served,
    memoryMb: { before: before.mb, peak: watch.peakMb, after: memoryMb(pid) },
    cpuPercent,
    logLines: lines - sent,
    auditRecords: site.auditRecords - audited,
    descriptors: { before: before.descriptors, after: descriptors(pid) },
    processes: { before: before.processes, after: processes(pid) },
    recoverySeconds,
  };
  return { ...report, problems: problemsOf(report, afterwards, site.misdelivered) };
}

/** @returns seconds until it has no more descriptors and processes than before; undefined when it keeps them */
async function recover(
  pid: number,
  before: { descriptors: number; processes: number },
): Promise<number | undefined> {
  const startMs = performance.now();
  while (performance.now() - startMs < RECOVERY_LIMIT_MS) {
    if (descriptors(pid) <= before.descriptors + SPARE_DESCRIPTORS && processes(pid) <= before.processes) {
      return Math.round((performance.now() - startMs) / 100) / 10;
    }
    await sleep(RECOVERY_LOOK_MS);
  }
  return undefined;
}

function problemsOf(report: Omit<Report, 'problems'>, afterwards: Served, misdelivered: number): string[] {
  const { workers, asked, served, spoils, logLines, recoverySeconds } = report;
  const grown = report.memoryMb.peak - report.memoryMb.before;
  const budget = MEMORY_BUDGET_MB + (workers > 1 ? workers * WORKER_BUDGET_MB : 0);
  const problems: [boolean, string][] = [
    [served.ok < asked, `${served.ok} of ${asked} honest clients were served: ${served.faults.join(', ')}`],
    [afterwards.ok < AFTER, `afterwards ${afterwards.ok} of ${AFTER} were: ${afterwards.faults.join(', ')}`],
    [(spoils?.secrets ?? 0) > 0, `${spoils?.secrets} secrets were released to the attacker`],
    [misdelivered > 0, `${misdelivered} secrets were released to strangers' addresses`],
    [spoils === undefined, 'the attacker gave up'],
    [grown > budget, `it grew by ${grown} MB (${budget} are allowed)`],
    [report.program === 'ours' && logLines > LOG_BUDGET_LINES * workers, `${logLines} lines in its log`],
    [recoverySeconds === undefined, 'it keeps descriptors or processes'],
  ];
  return problems.flatMap(([is, text]) => (is ? [text] : []));
}
