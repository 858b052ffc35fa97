import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkedEach, fleetSections, HARDLY_CHECKED } from '../bench/fleet.js';
import type { LoadProgram } from '../bench/load-run.js';
import { settled, startOurs, stopServer } from '../bench/servers.js';
import type { Child } from '../support/child.js';
import type { Host } from '../support/namespace.js';
import { startBus } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import type { Sample } from './samples.js';
import { takeSample } from './samples.js';

/** Every second; with the same timeout, as the time that a client has left moves by the difference to another one. */
const CHECKED_EACH_SECOND = checkedEach('PT1S', 'P7D');
const SIMULTANEOUS = 8;
/** What a server holds from its first release on, such as V8's compiled code, is there before the soak begins. */
const WARM_UP_RELEASES = 50;
const RELOAD_LIMIT_MS = 120_000;
const REST_LIMIT_MS = 120_000;

export interface Plan {
  readonly releases: number;
  /** The releases come in as many bursts, with pauses between them: neither work nor rest is to leave anything behind. */
  readonly bursts: number;
  readonly checks: number;
  /** Each is checked every second. */
  readonly clients: number;
  /** Processes that serve connections. */
  readonly workers: number;
  readonly sampleMs: number;
}

export interface Soaked {
  readonly samples: readonly Sample[];
  readonly seconds: number;
  /** What the server held before it had anything to do. */
  readonly before: Sample;
  /** What it holds when it has nothing to do any more. */
  readonly after: Sample;
  readonly failedChecks: number;
  readonly disabled: number;
}

/**
 * A server that works for long: checks by fping without a pause, and bursts of releases, until there were as many as
 * planned of each.
 * @param onSample told of each as it is taken
 * @throws when a release goes wrong, or the server does not stop as it should
 */
export async function soak(
  { host, keys, load }: { host: Host; keys: Keys; load: LoadProgram },
  plan: Plan,
  onSample: (sample: Sample) => void = () => {},
): Promise<Soaked> {
  await startBus(host);
  const sections = keys.section + fleetSections(plan.clients, keys.bytes);
  const server = await startOurs(host, { clientsConf: HARDLY_CHECKED + sections, workers: plan.workers });
  const { child, port, configDirectory } = server;
  const reconfigure = (common: string) => reload(child, configDirectory, common + sections);
  await load.run(host, port, { releases: WARM_UP_RELEASES, simultaneous: SIMULTANEOUS });
  await settled(child.pid);
  const checksBefore = echoRequests(child.pid);
  let released = 0;
  const sample = () =>
    takeSample(child.pid, { checks: echoRequests(child.pid) - checksBefore, releases: released });
  const before = sample();
  await reconfigure(CHECKED_EACH_SECOND);

  const startMs = performance.now();
  const samples: Sample[] = [];
  let burst: Promise<void> | undefined;
  let fault: unknown;
  const release = async () => {
    const releases = Math.min(plan.releases - released, Math.ceil(plan.releases / plan.bursts));
    await load.run(host, port, { releases, simultaneous: SIMULTANEOUS });
    released += releases;
  };
  for (;;) {
    await sleep(plan.sampleMs);
    if (fault !== undefined) throw fault;
    const now = sample();
    samples.push(now);
    onSample(now);
    if (released >= plan.releases && now.checks >= plan.checks) break;
    // Both are over at the same time.
    const isBehind = released < plan.releases && released / plan.releases <= now.checks / plan.checks;
    if (isBehind) {
      burst ??= release()
        .catch((error: unknown) => {
          fault = error;
        })
        .finally(() => {
          burst = undefined;
        });
    }
  }
  const seconds = (performance.now() - startMs) / 1000;

  await reconfigure(HARDLY_CHECKED);
  await settled(child.pid);
  const after = await atRest(sample, before);
  await stopServer(child);
  const count = (pattern: RegExp) => child.output.match(pattern)?.length ?? 0;
  return {
    samples,
    seconds,
    before,
    after,
    failedChecks: count(/check failed/g),
    disabled: count(/: disabled/g),
  };
}

/** A connection may still be closing, a checker ending: looks again until there is no more than before. */
async function atRest(sample: () => Sample, before: Sample): Promise<Sample> {
  const endMs = performance.now() + REST_LIMIT_MS;
  for (;;) {
    const now = sample();
    const isAsBefore =
      now.descriptors <= before.descriptors && now.processes <= before.processes && now.checkers === 0;
    if (isAsBefore || performance.now() > endMs) return now;
    await sleep(100);
  }
}

async function reload(child: Child, configDirectory: string, clientsConf: string): Promise<void> {
  const file = join(configDirectory, 'clients.conf');
  writeFileSync(`${file}.new`, clientsConf);
  renameSync(`${file}.new`, file);
  const from = child.output.length;
  child.signal('SIGHUP');
  const [line] = await child.waitForOutput(/reload: .*\n/, RELOAD_LIMIT_MS, from);
  if (!line.includes('changed')) throw new Error(`the server does not take its configuration over: ${line}`);
}

/**
 * How many echo requests have arrived where a process is, which are the pings of all its checkers, as they ask addresses
 * of the host itself (proc_pid_net(5), snmp: counted by the kernel, so that the server's word is not taken for it).
 */
function echoRequests(pid: number): number {
  const [names = [], values = []] = readFileSync(`/proc/${pid}/net/snmp`, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('Icmp:'))
    .map(line => line.split(' '));
  return Number(values[names.indexOf('InEchos')]);
}
