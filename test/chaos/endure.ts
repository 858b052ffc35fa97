import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from '../interop/scene.js';
import type { Child } from '../support/child.js';
import type { Cleanup } from '../support/namespace.js';
import type { Fault, Report } from './fault.js';
import { assertUnlock, emptyReport, RECOVERY_LIMIT_MS, withinLimit } from './fault.js';
import type { Identities } from './identities.js';
import { INTRUDERS } from './identities.js';
import type { ClientView } from './site.js';
import { Site } from './site.js';

/** For requests to end whose clients are gone. */
const QUIET_LIMIT_MS = 15_000;
/** Of a log: the original's is long. */
const LOG_CHARS = 20_000;
/** Descriptors that may be more than before: what is under way at the moment of counting. */
const SPARE_DESCRIPTORS = 3;

/** An operator's, before anything goes wrong: acknowledged, and so never to be lost. */
const DECISIONS = [
  ['--disable', 'kept'],
  ['--remove', 'gone'],
  ['--enable', 'again'],
  ['--approve', 'approved'],
  ['--timeout=PT7M', 'late'],
];

/**
 * Has these stored as they are, with their first checks. One of which none is known, and whose time is up when the
 * server is started again, is out of service.
 */
const LAST_DECISION = ['--extended-timeout=PT1H', 'again', 'approved', 'denied', 'late'];

/**
 * Lets a fault happen to a server and its clients, and looks whether what must hold held: nothing that was acknowledged
 * is lost, nobody gets a password who must not, and everything is in order again by itself.
 */
export async function endure(
  t: Cleanup,
  program: Program,
  fault: Fault,
  identities: Identities,
): Promise<Report> {
  const report = emptyReport(program, fault);
  const site = await Site.open(t, {
    program,
    identities,
    ...(fault.disk && { disk: fault.disk }),
    ...(fault.hasClock && { hasClock: true }),
    ...(fault.times && { times: fault.times }),
    ...(fault.workers && { workers: fault.workers }),
  });
  await site.waitForAnnounced();
  await withinLimit(() => site.clients(), RECOVERY_LIMIT_MS, 'clients on D-Bus');
  const problem = (text: string) => {
    if (!report.problems.includes(text)) report.problems.push(text);
  };
  for (const args of DECISIONS) {
    // The original keeps no approvals, and hung more often in runs with one.
    if (program === 'original' && args[0] === '--approve') continue;
    await decide(site, args);
  }
  await waitForChecks(site);
  await decide(site, LAST_DECISION);
  await assertUnlock(site.ask('web'));
  const intruders = INTRUDERS.map(name => ({ name, child: site.ask(name) }));
  if (program === 'ours') await allRefused(intruders);
  const before = site.resources();
  const server = site.mandos;

  const beginMs = performance.now();
  await fault.apply(site);
  const waiting = Array.from({ length: report.clients }, () => site.ask('web'));
  const unlockedSeconds: number[] = [];
  for (const client of waiting) {
    void client.exited.then(({ code }) => code === 0 && unlockedSeconds.push(secondsSince(beginMs)));
  }
  const isDecided = site.operate('--disable', 'late').then(({ status, stderr }) => {
    const how = status === 0 ? 'done' : status === 124 ? 'no answer' : `refused: ${lastLine(stderr)}`;
    report.decision = `${how} (${secondsSince(beginMs)} s)`;
    return status === 0;
  });
  await sleep(fault.holdMs);
  if (program === 'ours' && fault.isServed) {
    await tryTo(problem, 'not served while it lasts', async () => {
      const areServed = () => Promise.resolve(unlockedSeconds.length === waiting.length);
      await withinLimit(areServed, RECOVERY_LIMIT_MS, 'the passwords of all who ask');
    });
  }
  await fault.during?.(site, report);
  report.duringSeconds.push(...unlockedSeconds);
  await fault.undo(site);
  const endMs = performance.now();
  if (site.mandos === server && !site.isServing()) {
    const { code, signal } = await server.exited;
    const how = signal ?? `status ${code}`;
    problem(`the server ended (${how}), and was started again as systemd does: ${lastLine(server.output)}`);
    await site.startMandos();
  }
  await fault.after?.(site, report);

  await tryTo(problem, 'a client that asked meanwhile gets no password', async () => {
    await Promise.all(waiting.map(assertUnlock));
    if (report.duringSeconds.length < waiting.length) report.waitingSeconds = secondsSince(endMs);
  });
  await tryTo(problem, 'a client that asks afterwards gets no password', async () => {
    await assertUnlock(site.ask('web'));
    report.unlockSeconds = secondsSince(endMs);
  });
  await tryTo(problem, 'checks do not go on', async () => {
    const { web: first } = await withinLimit(() => site.clients(), RECOVERY_LIMIT_MS, 'clients on D-Bus');
    const isNewer = async () => {
      const seen = (await site.clients())?.['web']?.LastCheckedOK;
      return seen !== undefined && seen !== first?.LastCheckedOK;
    };
    await withinLimit(isNewer, RECOVERY_LIMIT_MS, 'another check');
    report.checkSeconds = secondsSince(endMs);
  });
  const expected = { isLateDisabled: await isDecided };
  // They go on asking, but say the same thing once only.
  const names = [...INTRUDERS, ...(expected.isLateDisabled ? (['late'] as const) : [])];
  const anew = names.map(name => ({ name, child: site.ask(name) }));
  if (program === 'ours')
    await tryTo(problem, 'who must not have a password is not refused', () => allRefused(anew));
  await tryTo(problem, 'mandos-ctl', async () => compare(await site.clients(), expected, report, ''));
  await tryTo(problem, 'left behind', async () => {
    if (site.mandos !== server) return;
    const isTidy = () => {
      const now = site.resources();
      const isMore =
        now.processes > before.processes || now.descriptors > before.descriptors + SPARE_DESCRIPTORS;
      return Promise.resolve(!isMore);
    };
    await withinLimit(
      isTidy,
      RECOVERY_LIMIT_MS,
      `${JSON.stringify(before)} is ${JSON.stringify(site.resources())}`,
    );
  });
  await tryTo(problem, 'restart', async () => {
    // The original does not end while somebody asks, and its configuration brings back who was removed.
    if (program === 'original') {
      for (const { child } of [...intruders, ...anew]) child.kill();
      const isQuiet = () => Promise.resolve(site.resources().processes <= before.processes);
      await withinLimit(isQuiet, QUIET_LIMIT_MS, 'the end of requests').catch(() => {});
    }
    const { killed, exit } = await site.stopMandos();
    if (killed) report.notes.push('it did not end on SIGTERM');
    else if (exit.code !== 0) problem(`it ended with ${exit.signal ?? `status ${exit.code}`}`);
    await site.startMandos();
    const clients = await withinLimit(() => site.clients(), RECOVERY_LIMIT_MS, 'clients on D-Bus');
    compare(clients, expected, report, ' after a restart');
    // The original keeps approvals in memory only, and the end of one is a time of day.
    if (program === 'ours' && !fault.hasClock) await assertUnlock(site.ask('approved'));
    await fault.restarted?.(site);
  });
  const [bug] = /internal error.*/.exec(site.log) ?? [];
  if (program === 'ours' && bug !== undefined) problem(bug);
  for (const { name, child } of [...intruders, ...anew]) {
    if (child.stdoutBytes.length > 0) problem(`${name} got a password`);
    child.kill();
  }
  if (report.problems.length > 0) report.log = site.log.slice(-LOG_CHARS);
  return report;
}

async function decide(site: Site, args: readonly string[]): Promise<void> {
  const { status, stderr } = await site.operate(...args);
  if (status !== 0) throw new Error(`${args.join(' ')}: status ${status}: ${stderr}`);
}

/** What the operator was told is so, and nobody else is out of service. */
function compare(
  clients: Readonly<Record<string, ClientView>> | undefined,
  { isLateDisabled }: { isLateDisabled: boolean },
  { problems, program }: Report,
  when: string,
): void {
  const say = (text: string) => void problems.push(`${text}${when}`);
  if (!clients) return say('mandos-ctl gets no answer');
  if (clients['kept']?.Enabled !== false) say('an acknowledged disabling is lost');
  // The original's configuration brings it back.
  if (clients['gone'] && (program === 'ours' || when === '')) say('an acknowledged removal is lost');
  if (clients['again']?.Enabled !== true) say('an acknowledged enabling is lost');
  if (clients['late']?.Timeout !== 420_000) say('an acknowledged setting is lost');
  if (isLateDisabled && clients['late']?.Enabled !== false) say('a disabling acknowledged meanwhile is lost');
  if (clients['off']?.Enabled !== false) say('a client is enabled that the configuration disables');
  for (const name of ['web', 'denied']) if (clients[name]?.Enabled !== true) say(`${name} is disabled`);
}

/** Waits until each of these has heard that it gets nothing. */
async function allRefused(intruders: readonly { readonly child: Child }[]): Promise<void> {
  await Promise.all(
    intruders.map(({ child }) => child.waitForOutput(/ refused: closed the connection/, RECOVERY_LIMIT_MS)),
  );
}

/** Has the first checks made at once: one that comes too late on a busy machine would put its client out of service. */
async function waitForChecks(site: Site): Promise<void> {
  await site.operate('--start-checker', '--all');
  await withinLimit(() => allChecked(site), RECOVERY_LIMIT_MS, 'first checks');
}

/** Whether the first check of each client that is in service has succeeded. */
async function allChecked(site: Site): Promise<boolean> {
  const clients = Object.values((await site.clients()) ?? {});
  return clients.length > 0 && clients.every(client => !client.Enabled || client.LastCheckedOK !== '');
}

async function tryTo(problem: (text: string) => void, what: string, run: () => Promise<void>): Promise<void> {
  await run().catch((error: unknown) =>
    problem(`${what}: ${error instanceof Error ? error.message : String(error)}`),
  );
}

function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 100) / 10;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
