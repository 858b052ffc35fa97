import { join } from 'node:path';
import { residentMb, unlessEnded } from '../bench/process-figures.js';
import type { Program } from '../interop/scene.js';
import { ask, serve } from '../interop/scene.js';
import type { Child } from '../support/child.js';
import type { Cleanup, Host } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import type { Keys } from '../support/programs.js';
import type { Report } from './endure.js';
import { LOG_BUDGET_LINES, MEMORY_BUDGET_MB } from './endure.js';
import { descriptors, memoryMb, processes, Watch } from './figures.js';
import type { Spoils } from './site.js';
import { addAddresses } from './site.js';

/** Node.js with libgnutls and openpgp has some 90 MB; the rest is what floods may cost on a machine that boots. */
const CLIENT_BUDGET_MB = 180;
const CLIENT_LOOK_MS = 100;
const SPARE_DESCRIPTORS = 8;
/** Link-local addresses of the attacker's. */
const ADDRESSES = 300;

/** What a neighbour does to discovery: a kind of tools/mdns-flood.ts. */
export interface DiscoveryAttack {
  readonly name: string;
  readonly kind: string;
  /** Packets a second. */
  readonly rate: number;
  /** How many addresses they come from; 0 for its own alone. */
  readonly sources: number;
  /** Whether the server announces itself through Avahi; the original always does. */
  readonly avahi: boolean;
}

const TITLES: readonly (readonly [kind: string, title: string, sources?: number])[] = [
  ['questions', 'mDNS: queries of 100 and of 400 questions'],
  ['announcements', 'mDNS: thousands of servers that are nowhere'],
  ['answers', 'mDNS: thousands of servers that are nowhere, for each who asks'],
  ['tarpits', 'mDNS: 300 servers that take connections and say nothing'],
  ['goodbyes', "mDNS: goodbyes in the server's name"],
  ['takeovers', "mDNS: claims of the server's name"],
  ['all', 'mDNS: all of that at once'],
  ['all', 'mDNS: all of that at once, of 300 addresses', ADDRESSES],
];

export const DISCOVERY_ATTACKS: readonly DiscoveryAttack[] = TITLES.flatMap(([kind, title, sources = 0]) =>
  [false, true].map(avahi => {
    const name = `${title}${avahi ? ', with Avahi' : ''}`;
    return { name, kind, rate: 1_000, sources, avahi };
  }),
);

export interface DiscoveryOptions {
  readonly program: Program;
  readonly keys: Keys;
  readonly password: string;
  /** Machines that boot while the attack is under way, one after the other. */
  readonly clients: number;
  /** For each to find its server. */
  readonly limitMs: number;
}

/** Lets machines look for their server while a neighbour floods the link with multicast DNS. */
export async function endureDiscovery(
  t: Cleanup,
  options: DiscoveryOptions,
  attack: DiscoveryAttack,
): Promise<Report> {
  const { program, keys, clients } = options;
  const lan = await createLan(t);
  const [server, machine, attacker] = [
    await lan.host('server'),
    await lan.host('machine'),
    await lan.host('attacker'),
  ];
  await addAddresses(attacker, 'fe80::a:', ADDRESSES);
  const { child } = await serve(program, server, keys.section, { avahi: attack.avahi });
  const { pid } = child;
  await boot(machine, options);
  const before = { mb: memoryMb(pid), descriptors: descriptors(pid), processes: processes(pid) };
  const logged = child.output.length;
  const watch = new Watch(pid);
  const flood = attacker.spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'tools/mdns-flood.js'),
      attack.kind,
      String(attack.rate),
      String(attack.sources),
    ],
    { keepInputOpen: true },
  );
  await flood.waitForOutput(/^attacking$/m);
  const boots: Boot[] = [];
  for (let i = 0; i < clients; i++) boots.push(await boot(machine, options));
  const cpuPercent = watch.stop();
  flood.stdin.end();
  await flood.waitForExit();
  const startMs = performance.now();
  const afterwards = await boot(machine, options);
  const lines = child.output.slice(logged).split('\n').length - 1;
  const sent = child.output.slice(logged).match(/secret sent to/g)?.length ?? 0;
  const times = boots.flatMap(({ ms }) => ms ?? []).toSorted((a, b) => a - b);
  const peakMb = Math.max(...boots.map(one => one.peakMb));
  const after = descriptors(pid);
  const grownMb = watch.peakMb - before.mb;
  const problems: [boolean, string][] = [
    [times.length < clients, `${times.length} of ${clients} machines found their server`],
    [afterwards.ms === undefined, 'nor did one when it was over'],
    [grownMb > MEMORY_BUDGET_MB, `the server grew by ${grownMb} MB`],
    [program === 'ours' && peakMb > CLIENT_BUDGET_MB, `a client had ${peakMb} MB`],
    [program === 'ours' && lines - sent > LOG_BUDGET_LINES, `${lines - sent} lines in the server's log`],
    [after > before.descriptors + SPARE_DESCRIPTORS, `the server has ${after} descriptors`],
  ];
  return {
    program,
    workers: 1,
    attack: attack.name,
    spoils: JSON.parse(flood.stdout.split('\n').at(-2) ?? '{}') as Spoils,
    asked: clients,
    served: {
      ok: times.length,
      first: times.length,
      faults: [],
      p50: times[times.length >> 1] ?? 0,
      p99: times.at(-1) ?? 0,
      max: times.at(-1) ?? 0,
    },
    memoryMb: { before: before.mb, peak: watch.peakMb, after: memoryMb(pid) },
    cpuPercent,
    logLines: lines - sent,
    auditRecords: 0,
    descriptors: { before: before.descriptors, after },
    processes: { before: before.processes, after: processes(pid) },
    recoverySeconds:
      afterwards.ms === undefined ? undefined : Math.round((performance.now() - startMs) / 100) / 10,
    problems: problems.flatMap(([is, text]) => (is ? [text] : [])),
  };
}

interface Boot {
  /** Until it had the password; undefined when it did not get it. */
  readonly ms: number | undefined;
  readonly peakMb: number;
}

async function boot(machine: Host, { program, keys, password, limitMs }: DiscoveryOptions): Promise<Boot> {
  const startMs = performance.now();
  const client = ask(program, machine, keys.keys);
  let peakMb = 0;
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, unlessEnded(() => peakOf(client)) ?? 0);
  }, CLIENT_LOOK_MS);
  const ended = await client.waitForExit(limitMs).then(
    () => true,
    () => false,
  );
  const ms = performance.now() - startMs;
  clearInterval(timer);
  if (!ended) await client.stop('SIGKILL');
  return { ms: ended && client.stdout === password ? ms : undefined, peakMb: Math.round(peakMb) };
}

/** Of one that has ended, and is still there, the kernel says nothing. */
function peakOf(client: Child): number {
  const { peakMb } = residentMb(client.pid);
  return Number.isNaN(peakMb) ? 0 : peakMb;
}
