import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connectBus } from '../../common/dbus/bus.js';
import { Terminals } from '../monitor/screen/window.js';
import type { Child } from '../support/child.js';
import type { Host, Lan } from '../support/namespace.js';
import { startBus } from '../support/peers.js';
import type { Keys } from '../support/programs.js';
import { fleetSections } from './fleet.js';
import { allClientsMs, BUS_LIMITS, DAEMON, MESSAGE_LIMIT_BYTES, SERVER } from './listing.js';
import { residentMb } from './process-figures.js';
import type { Recorder, SectionRecorder } from './results.js';
import { formatNumber } from './results.js';
import { startOurs } from './servers.js';
import { median } from './statistics.js';

/** What operators do with a server that has many clients, and how late the server's other work is meanwhile. */
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
const CALL_LIMIT_MS = 60_000;

const ALL_TARGET_MS = 700;
const STALL_TARGET_MS = 100;
const LIST_TARGET_MS = 1_500;
const SCREEN_TARGET_MS = 3_000;
const KEY_TARGET_MS = 100;
/** Key presses that are waited for. */
const KEYS = 20;

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

export async function benchOperator(lan: Lan, keys: Keys, recorder: Recorder): Promise<void> {
  const section = recorder.section(
    'operator',
    `Operators: D-Bus and programs, ${formatNumber(CLIENTS)} clients`,
  );
  const host = await lan.host('operator');
  const { address } = await startBus(host, { limits: BUS_LIMITS });
  const clientsConf = keys.section + fleetSections(CLIENTS - 1, keys.bytes);
  const { child } = await startOurs(host, { clientsConf, measuredBy: 'event-loop-delay.js' });
  const bus = await connectBus(address, { messageLimitBytes: MESSAGE_LIMIT_BYTES });
  const list = async () => await allClientsMs(bus, CLIENTS);
  try {
    await sleep(SETTLE_MS);
    const idle = await whilePinging(host, child, async () => await sleep(QUIET_MS));
    const quiet = await whilePinging(host, child, async () => await times(ROUNDS, list));
    section.figure('GetManagedObjects, median', median(quiet.result), 'ms', ALL_TARGET_MS);
    section.figure(`… worst of ${ROUNDS}`, Math.max(...quiet.result), 'ms', ALL_TARGET_MS);
    section.figure("… the server's event loop late, at most", quiet.loopMs, 'ms', STALL_TARGET_MS);
    section.figure('… longest answer to a ping meanwhile', quiet.serverMs, 'ms', STALL_TARGET_MS);
    section.figure('… of the bus itself', quiet.busMs, 'ms');
    section.figure('… with no call at all', idle.serverMs, 'ms');
    await benchPrograms(section, host, address);
    section.figure('resident memory of the server', residentMb(child.pid).nowMb, 'MB');
    section.figure('… at most since the start', residentMb(child.pid).peakMb, 'MB');
  } finally {
    bus.close();
  }
  await child.stop();
}

async function benchPrograms(section: SectionRecorder, host: Host, address: string): Promise<void> {
  const lists = await times(ROUNDS, () => listMs(address));
  section.figure('mandos-ctl, its list, median', median(lists), 'ms', LIST_TARGET_MS);
  const { openMs, keysMs } = await monitorMs(host);
  section.figure('mandos-monitor, until it shows them', openMs, 'ms', SCREEN_TARGET_MS);
  section.figure(`… a key until it is drawn, median of ${KEYS}`, median(keysMs), 'ms', KEY_TARGET_MS);
  section.figure('… at most', Math.max(...keysMs), 'ms', KEY_TARGET_MS);
  section.charts.push({
    file: 'operator',
    title: `What operators wait for, ${formatNumber(CLIENTS)} clients`,
    panels: [
      {
        kind: 'bars',
        title: 'ms',
        bars: [
          ...section.figures.filter(({ what }) => what === 'GetManagedObjects, median'),
          { what: 'mandos-ctl, its list', value: median(lists) },
          { what: 'mandos-monitor, until it shows them', value: openMs },
          { what: '… a key until it is drawn', value: median(keysMs) },
        ].map(({ what, value }) => ({ label: what, value })),
      },
    ],
  });
}
