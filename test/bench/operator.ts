import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Bus } from '../../common/dbus/bus.js';
import { connectBus } from '../../common/dbus/bus.js';
import { Terminals } from '../monitor/screen/window.js';
import type { Child } from '../support/child.js';
import type { Host } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { startBus, writeServerConfig } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { makeKeys, MANDOS } from '../support/programs.js';
import { fleetSections } from './fleet.js';
import { residentMb } from './process-figures.js';
import { median } from './statistics.js';

/** What operators do with a server that has many clients, and what the server's other work feels of it: `node operator.js`. */
const HERE = import.meta.dirname;
const MANDOS_CTL = join(HERE, '../../monitor/mandos-ctl.js');
const CLIENTS = 10_000;
const ROUNDS = 5;
/** Until what a server does once after its start is over; each client is checked every two minutes. */
const SETTLE_MS = 15_000;
/** The server has told of its event loop by then. */
const TELLING_MS = 1_000;
/** For what pings take when nobody calls. */
const QUIET_MS = 5_000;
const RELEASES = 2_000;
const SIMULTANEOUS = 4;
const LIMIT_MS = 300_000;
const CALL_LIMIT_MS = 60_000;

const SERVER = 'se.recompile.Mandos';
const DAEMON = 'org.freedesktop.DBus';
/** All clients are one message, of some 2 kB each. */
const MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024;
/** The bus allows 128 calls at once: too few for the pings while a server is late. All else is as on a system bus. */
const BUS_LIMITS = { max_replies_per_connection: 10_000 };

const ALL_TARGET_MS = 700;
const STALL_TARGET_MS = 100;
const RELEASE_P99_TARGET_MS = 100;
const LIST_TARGET_MS = 1_500;
const SCREEN_TARGET_MS = 3_000;
const KEY_TARGET_MS = 100;
/** Key presses that are waited for. */
const KEYS = 20;

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

/** How long a caller waits for all clients. */
async function allClientsMs(bus: Bus): Promise<number> {
  const startMs = performance.now();
  const call = { path: '/', interface: `${DAEMON}.ObjectManager`, member: 'GetManagedObjects' };
  const [objects] = await bus.call({ destination: SERVER, ...call }, CALL_LIMIT_MS);
  const tookMs = performance.now() - startMs;
  const count = objects instanceof Map ? objects.size : 0;
  if (count !== CLIENTS) throw new Error(`GetManagedObjects: ${count} of ${CLIENTS} clients`);
  return tookMs;
}

/**
 * Pings the server and the bus from a process of its own while something is done. A reply to a ping waits behind all
 * that the server has sent before on its connection: so it is late by more than the server's event loop.
 */
async function whilePinging<T>(host: Host, server: Child, task: () => Promise<T>) {
  const args = [join(HERE, 'bus-pings.js'), host.busAddress, SERVER, DAEMON];
  const pings = host.spawn(process.execPath, args, { keepInputOpen: true });
  await pings.waitForOutput(/^ready$/m);
  const before = server.output.length;
  const result = await task();
  pings.stdin.end();
  const { code } = await pings.waitForExit();
  if (code !== 0) throw new Error(`the pings have failed: ${pings.tail()}`);
  const longestMs = JSON.parse(pings.stdout.replace('ready', '')) as Record<string, number>;
  await sleep(TELLING_MS);
  const lateMs = Array.from(server.output.slice(before).matchAll(/event loop late: (.*) ms/g), ([, ms]) =>
    Number(ms),
  );
  return {
    result,
    loopMs: Math.max(...lateMs),
    serverMs: longestMs[SERVER] ?? Number.NaN,
    busMs: longestMs[DAEMON] ?? Number.NaN,
  };
}

async function times(count: number, measure: () => Promise<number>): Promise<number[]> {
  const figures: number[] = [];
  while (figures.length < count) figures.push(await measure());
  return figures;
}

/** Releases from their first to their last, with one call for all clients after the other. */
async function releasesAndCalls(host: Host, port: number, { keys, bytes }: Keys, bus: Bus) {
  const args = [join(HERE, 'load.js'), '::1', port, keys, RELEASES, SIMULTANEOUS, bytes].map(String);
  const end = new AbortController();
  const load = host.run(process.execPath, args, { timeoutMs: LIMIT_MS }).finally(() => end.abort());
  const calls: number[] = [];
  while (!end.signal.aborted) calls.push(await allClientsMs(bus));
  const { stdout, stderr } = await load;
  const result = JSON.parse(stdout || '{}') as { ok?: number; p99?: number; faults?: string[] };
  if (result.ok !== RELEASES || result.p99 === undefined)
    throw new Error(`only ${result.ok} of ${RELEASES} releases: ${result.faults?.join(', ')} ${stderr}`);
  return { p99Ms: result.p99, calls };
}

/** mandos-ctl with its list, from the start of the process to its end. */
async function listMs(address: string): Promise<number> {
  const startMs = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [MANDOS_CTL], {
    env: { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: address },
    maxBuffer: MESSAGE_LIMIT_BYTES,
    timeout: CALL_LIMIT_MS,
  });
  const tookMs = performance.now() - startMs;
  const lines = stdout.split('\n').filter(Boolean).length;
  if (lines !== CLIENTS + 1) throw new Error(`mandos-ctl: ${lines} lines for ${CLIENTS} clients`);
  return tookMs;
}

/**
 * mandos-monitor in a terminal: from the start of the process until it shows the clients, and from each key until what it
 * leads to is drawn. A process looks at the screen each time, so all figures are upper bounds.
 */
async function monitorMs(host: Host): Promise<{ openMs: number; keysMs: number[] }> {
  const terminals = await Terminals.open(host);
  const startMs = performance.now();
  const window = await terminals.window({ columns: 120, rows: 40 });
  const until = async (pattern: RegExp, fromMs: number) => {
    let text = '';
    while (performance.now() < fromMs + CALL_LIMIT_MS) {
      text = await window.text();
      if (pattern.test(text)) return performance.now() - fromMs;
    }
    throw new Error(`the screen never shows ${pattern}:\n${text}`);
  };
  await window.waitFor(new RegExp(`^ Mandos {3}${CLIENTS} enabled[^]*^. machine0 `, 'm'));
  const openMs = performance.now() - startMs;
  const keysMs: number[] = [];
  while (keysMs.length < KEYS) {
    const isDown = keysMs.length % 2 === 0;
    const fromMs = performance.now();
    await window.keys(isDown ? 'G' : 'g');
    keysMs.push(await until(new RegExp(`^. machine${isDown ? CLIENTS - 2 : 0} `, 'm'), fromMs));
  }
  await window.keys('q');
  await window.end();
  return { openMs, keysMs };
}

async function startMeasured(host: Host, clientsConf: string): Promise<{ child: Child; port: number }> {
  const stateDirectory = mkdtempSync(join(host.runDirectory, 'state-'));
  chmodSync(stateDirectory, 0o777); // it changes its user
  const child = host.spawn(process.execPath, [
    `--import=${join(HERE, 'event-loop-delay.js')}`,
    MANDOS,
    '--foreground',
    '--debuglevel=INFO',
    '--no-zeroconf',
    '--port=0',
    `--configdir=${writeServerConfig(host, clientsConf)}`,
    `--statedir=${stateDirectory}`,
  ]);
  const listening = await child.waitForOutput(/listening on .*:(\d+)$/m);
  return { child, port: Number(listening[1]) };
}

async function benchOperator(host: Host, keys: Keys): Promise<void> {
  const { address } = await startBus(host, { limits: BUS_LIMITS });
  const clientsConf = keys.section + fleetSections(CLIENTS - 1, keys.bytes);
  const { child, port } = await startMeasured(host, clientsConf);
  const bus = await connectBus(address, { messageLimitBytes: MESSAGE_LIMIT_BYTES });
  try {
    await sleep(SETTLE_MS);
    const idle = await whilePinging(host, child, async () => await sleep(QUIET_MS));
    const quiet = await whilePinging(host, child, async () => await times(ROUNDS, () => allClientsMs(bus)));
    row('GetManagedObjects, median', median(quiet.result), 'ms', ALL_TARGET_MS);
    row(`… worst of ${ROUNDS}`, Math.max(...quiet.result), 'ms', ALL_TARGET_MS);
    row("… the server's event loop late, at most", quiet.loopMs, 'ms', STALL_TARGET_MS);
    row('… longest answer to a ping meanwhile', quiet.serverMs, 'ms', STALL_TARGET_MS);
    row('… of the bus itself', quiet.busMs, 'ms');
    row('… with no call at all', idle.serverMs, 'ms');
    const busy = await whilePinging(host, child, async () => await releasesAndCalls(host, port, keys, bus));
    const { p99Ms, calls } = busy.result;
    row('release during such calls, p99', p99Ms, 'ms', RELEASE_P99_TARGET_MS);
    row(`… GetManagedObjects, median of ${calls.length}`, median(calls), 'ms');
    row("… the server's event loop late, at most", busy.loopMs, 'ms', STALL_TARGET_MS);
    row('… longest answer to a ping meanwhile', busy.serverMs, 'ms');
    row('… of the bus itself', busy.busMs, 'ms');
    row(
      'mandos-ctl, its list, median',
      median(await times(ROUNDS, () => listMs(address))),
      'ms',
      LIST_TARGET_MS,
    );
    const { openMs, keysMs } = await monitorMs(host);
    row('mandos-monitor, until it shows them', openMs, 'ms', SCREEN_TARGET_MS);
    row(`… a key until it is drawn, median of ${KEYS}`, median(keysMs), 'ms', KEY_TARGET_MS);
    row('… at most', Math.max(...keysMs), 'ms', KEY_TARGET_MS);
    row('resident memory of the server', residentMb(child.pid).nowMb, 'MB');
    row('… at most since the start', residentMb(child.pid).peakMb, 'MB');
  } finally {
    bus.close();
  }
  await child.stop();
}

const hooks: (() => Promise<void>)[] = [];
try {
  const lan = await createLan({ after: hook => hooks.push(hook) });
  const host = await lan.host('server');
  const keys = await makeKeys(lan.directory, 'client', 'benchmark password');
  say(`Operators, ${CLIENTS} clients, each checked every two minutes`);
  say(`Load of the machine before: ${loadavg()[0]?.toFixed(1)} on ${cpus().length} cores`);
  await benchOperator(host, keys);
  say();
} finally {
  for (const hook of hooks) await hook();
}
