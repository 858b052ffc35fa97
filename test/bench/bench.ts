import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { makeRealKeys, startBus, startRealMandos, writeServerConfig } from '../support/peers.js';
import { keyFileOptions, makeKeys, realMandosClientCommand, startServer } from '../support/programs.js';
import { cpuTime } from './process-figures.js';
import { median } from './statistics.js';

const PASSWORD = 'benchmark password';
const ROUNDS = 3;
const SIMULTANEOUS = 8;
const RELEASES = { 'mandos-ts': 4000, Mandos: 600 };
const START_ROUNDS = 31;
const HERE = import.meta.dirname;

interface Round {
  readonly cpuMs: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** Milliseconds of CPU that a process and the children it has waited for have used. */
function cpuMs(pid: number): number {
  const { ownMs, childrenMs } = cpuTime(pid);
  return ownMs + childrenMs;
}

async function load(
  host: Host,
  pid: number,
  port: number,
  keys: string,
  releases: number,
  bytes: number,
): Promise<Round> {
  const before = cpuMs(pid);
  const args = ['::1', String(port), keys, String(releases), String(SIMULTANEOUS), String(bytes)];
  const { stdout, stderr } = await host.run(process.execPath, [join(HERE, 'load.js'), ...args], {
    timeoutMs: 300_000,
  });
  const result = JSON.parse(stdout || '{}') as {
    ok: number;
    faults: string[];
    seconds: number;
    p50: number;
    p99: number;
  };
  if (result.ok !== releases)
    throw new Error(`only ${result.ok} of ${releases} releases: ${result.faults.join(', ')} ${stderr}`);
  return {
    cpuMs: (cpuMs(pid) - before) / releases,
    perSecond: releases / result.seconds,
    p50: result.p50,
    p99: result.p99,
  };
}

function row(name: string, rounds: readonly Round[]): string {
  const of = (field: keyof Round) => median(rounds.map(round => round[field]));
  const cells = [
    of('cpuMs').toFixed(2),
    of('perSecond').toFixed(0),
    of('p50').toFixed(1),
    of('p99').toFixed(1),
  ];
  return `${name.padEnd(24)}${cells.map(cell => cell.padStart(14)).join('')}`;
}

function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

async function benchReleases(host: Host, keys: string, section: string, bytes: number): Promise<void> {
  const ours = await startServer(host, { clientsConf: section, args: ['--no-zeroconf', '--port=0'] });
  await startBus(host);
  const configDirectory = writeServerConfig(host, section);
  const theirs = await startRealMandos(host, { configDirectory, args: ['--no-zeroconf', '--port=4711'] });
  const rounds: Record<keyof typeof RELEASES, Round[]> = { 'mandos-ts': [], Mandos: [] };
  await load(host, ours.child.pid, ours.port, keys, 500, bytes); // warms V8 up
  for (let i = 0; i < ROUNDS; i++) {
    rounds['mandos-ts'].push(await load(host, ours.child.pid, ours.port, keys, RELEASES['mandos-ts'], bytes));
    rounds.Mandos.push(await load(host, theirs.child.pid, theirs.port, keys, RELEASES.Mandos, bytes));
  }
  const cpu = (list: readonly Round[]) => median(list.map(round => round.cpuMs));
  say(`Releases (${ROUNDS} interleaved rounds, median; ${SIMULTANEOUS} at a time)`);
  say(
    `${''.padEnd(24)}${['CPU ms each', 'a second', 'p50 ms', 'p99 ms'].map(cell => cell.padStart(14)).join('')}`,
  );
  say(row('mandos-ts', rounds['mandos-ts']));
  say(row('Mandos 1.8.16', rounds.Mandos));
  const ratio = cpu(rounds['mandos-ts']) / cpu(rounds.Mandos);
  say(`CPU per release: ${ratio.toFixed(3)} times Mandos's (to reach: 0.100)`);
  say();
  await theirs.child.stop();
  await ours.child.stop();
}

interface StartKeys {
  /** Curve25519, this project's default. */
  readonly curve: string;
  /** RSA-4096, the original's default. */
  readonly rsa: string;
}

async function benchStart(server: Host, client: Host, keys: StartKeys, sections: string): Promise<void> {
  const { port } = await startServer(server, { clientsConf: sections, args: ['--no-zeroconf', '--port=0'] });
  const [link] = server.interfaces;
  const connect = [`--connect=${link?.linkLocal ?? ''}:${port}`, '--interface=eth0'];
  const bundle = join(HERE, '../../bundle/plugins.d/mandos-client');
  const ours = (keyDirectory: string) => [
    process.execPath,
    bundle,
    ...keyFileOptions(keyDirectory),
    ...connect,
  ];
  const theirs = (keyDirectory: string) => {
    const { env, command } = realMandosClientCommand(keyDirectory);
    return ['env', ...env, ...command, ...connect];
  };
  const commands = {
    'mandos-ts, Curve25519': ours(keys.curve),
    'mandos-ts, RSA-4096': ours(keys.rsa),
    'Mandos 1.8.16, Curve25519': theirs(keys.curve),
    'Mandos 1.8.16, RSA-4096': theirs(keys.rsa),
    'node, empty script': [process.execPath, '-e', `process.stdout.write(${JSON.stringify(PASSWORD)})`],
  };
  const args = [join(HERE, 'start-time.js'), String(START_ROUNDS), PASSWORD, JSON.stringify(commands)];
  const { stdout, stderr } = await client.run(process.execPath, args, { timeoutMs: 300_000 });
  if (stdout === '') throw new Error(stderr);
  const times = JSON.parse(stdout) as Record<keyof typeof commands, { wallMs: number; cpuMs: number }>;
  say(`Process start to password, --connect (${START_ROUNDS - 1} interleaved rounds, median)`);
  say(`${''.padEnd(28)}${['ms', 'CPU ms'].map(cell => cell.padStart(10)).join('')}`);
  for (const [name, { wallMs, cpuMs: cpu }] of Object.entries(times)) {
    say(`${name.padEnd(28)}${[wallMs, cpu].map(ms => ms.toFixed(0).padStart(10)).join('')}`);
  }
  const ratio = (to: keyof typeof commands) => times['mandos-ts, Curve25519'].wallMs / times[to].wallMs;
  say(
    `Curve25519: ${ratio('Mandos 1.8.16, Curve25519').toFixed(2)} times Mandos with the same key (to reach: 1.60),`,
  );
  say(
    `            ${ratio('Mandos 1.8.16, RSA-4096').toFixed(2)} times Mandos with the key that it makes by default`,
  );
}

const hooks: (() => Promise<void>)[] = [];
try {
  say(`${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node.js ${process.versions.node}`);
  say();
  const lan = await createLan({ after: hook => hooks.push(hook) });
  const server = await lan.host('server');
  const client = await lan.host('client');
  const { keys, section, bytes } = await makeKeys(lan.directory, 'curve', PASSWORD);
  await benchReleases(server, keys, section, bytes);
  const rsa = await makeRealKeys(lan.directory, 'rsa', PASSWORD, []);
  await benchStart(
    server,
    client,
    { curve: keys, rsa: rsa.keyDirectory },
    `${section}\n${rsa.clientSection}`,
  );
} finally {
  for (const hook of hooks) await hook();
}
