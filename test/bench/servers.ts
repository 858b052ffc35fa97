import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../support/child.js';
import type { Host } from '../support/namespace.js';
import { spawnWithSyslog, startSyslog, writeServerConfig } from '../support/peers.js';
import { MANDOS } from '../support/programs.js';
import { treeCpuMs } from './process-figures.js';

const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 20_000;
/** What a server does at its start is over when it uses less of a core than this for a second. */
const SETTLED_CORES = 0.05;
const SETTLE_LOOK_MS = 1_000;
const SETTLE_LIMIT_MS = 120_000;

export interface StartedServer {
  readonly child: Child;
  readonly port: number;
  /** From the start of the process until it listens. */
  readonly tookMs: number;
  /** With clients.conf. */
  readonly configDirectory: string;
}

export interface StartOptions {
  readonly clientsConf: string;
  /** Processes that serve connections. */
  readonly workers?: number;
  /** A module of this folder that is loaded into it: it measures from within. */
  readonly measuredBy?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts this project's server and waits until it listens. */
export async function startOurs(host: Host, options: StartOptions): Promise<StartedServer> {
  const mandosConf = `[DEFAULT]\nworkers = ${options.workers ?? 1}\n`;
  const stateDirectory = mkdtempSync(join(host.runDirectory, 'state-'));
  chmodSync(stateDirectory, 0o777); // it changes its user
  const { measuredBy } = options;
  const configDirectory = writeServerConfig(host, options.clientsConf, mandosConf);
  const startMs = performance.now();
  const child = host.spawn(
    process.execPath,
    [
      ...(measuredBy === undefined ? [] : [`--import=${join(import.meta.dirname, measuredBy)}`]),
      MANDOS,
      '--foreground',
      '--debuglevel=INFO',
      '--no-zeroconf',
      '--port=0',
      `--configdir=${configDirectory}`,
      `--statedir=${stateDirectory}`,
    ],
    { env: options.env ?? {} },
  );
  const listening = await child.waitForOutput(/listening on .*:(\d+)$/m, START_LIMIT_MS);
  return { child, port: Number(listening[1]), tookMs: performance.now() - startMs, configDirectory };
}

/**
 * Starts the original's server, on a host with a bus, and waits until it listens. Not with --debug, as tests do: each
 * release would then be thousands of lines about TLS.
 */
export async function startOriginal(
  host: Host,
  clientsConf: string,
  limitMs: number = START_LIMIT_MS,
): Promise<Pick<StartedServer, 'child' | 'port' | 'tookMs'>> {
  const stateDirectory = mkdtempSync(join(host.runDirectory, 'state-'));
  chmodSync(stateDirectory, 0o777); // it changes its user
  const configDirectory = writeServerConfig(host, clientsConf);
  const syslog = await startSyslog(host);
  const startMs = performance.now();
  const child = spawnWithSyslog(
    host,
    '/usr/sbin/mandos',
    [
      '--foreground',
      '--debuglevel=INFO',
      '--no-zeroconf',
      '--port=4711',
      `--configdir=${configDirectory}`,
      `--statedir=${stateDirectory}`,
    ],
    { env: { TMPDIR: stateDirectory } }, // what it leaves behind goes with the host
  );
  const listening = await syslog.waitForOutput(/Now listening on address .*?, port (\d+)/, limitMs);
  return { child, port: Number(listening[1]), tookMs: performance.now() - startMs };
}

/** Waits until a server has nothing to do, as long as nobody asks it. */
export async function settled(pid: number): Promise<void> {
  const endMs = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const [startMs, beforeMs] = [performance.now(), treeCpuMs(pid)];
    await sleep(SETTLE_LOOK_MS);
    const cores = (treeCpuMs(pid) - beforeMs) / (performance.now() - startMs);
    if (cores < SETTLED_CORES) return;
    if (performance.now() > endMs) throw new Error(`the server never rests: ${cores.toFixed(2)} cores`);
  }
}

/** @returns how long a server takes to stop */
export async function stopServer(child: Child): Promise<number> {
  const startMs = performance.now();
  child.signal('SIGTERM');
  const exit = await child.waitForExit(STOP_LIMIT_MS);
  if (exit.code !== 0) throw new Error(`the server has not stopped as it should: ${child.tail()}`);
  return performance.now() - startMs;
}
