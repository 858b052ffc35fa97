import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../interop/scene.js';
import type { Child, Exit } from '../support/child.js';
import type { Cleanup, Host, Lan } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import {
  makeGnupgSocketDirectories,
  spawnWithSyslog,
  startAvahi,
  startBus,
  startSyslog,
  writeServerConfig,
} from '../support/peers.js';
import { keyFileOptions, MANDOS, MANDOS_CLIENT, realMandosClientCommand } from '../support/programs.js';
import type { BadWire } from './bad-wire.js';
import { layBadWire } from './bad-wire.js';
import type { Identities, Name, Times } from './identities.js';
import { clientsConf, MACHINE, SILENT_MACHINE } from './identities.js';

const MANDOS_CTL = join(import.meta.dirname, '../../monitor/mandos-ctl.js');
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
/** An operator gives up: the original has been seen not to answer any more at all. */
const OPERATOR_LIMIT_SECONDS = 40;
/** The original does not end on SIGTERM while it serves a connection. */
const STOP_LIMIT_MS = 10_000;

/** Paths as the server sees them. */
export const DISK = '/run/disk';
const STATE = `${DISK}/state`;

const MOUNT_TMPFS = `mount -t tmpfs -o size=2m,mode=755 tmpfs ${DISK}`;
/** The private /dev has no loop devices; which is free, mount(8) finds out. */
const MOUNT_EXT4 = [
  'mknod /dev/loop-control c 10 237',
  'for i in 0 1 2 3 4 5 6 7; do mknod /dev/loop$i b 7 $i; done',
  'truncate -s 8M /run/image',
  'mkfs.ext4 -q -F /run/image',
  `mount -o loop /run/image ${DISK}`,
].join(' && ');

export interface SiteOptions {
  readonly program: Program;
  readonly identities: Identities;
  /** What the state lies on: an ext4 on a loop device can be frozen and broken. Default: a small tmpfs. */
  readonly disk?: 'tmpfs' | 'ext4';
  /** Whether the server's clock can be set. */
  readonly hasClock?: boolean;
  readonly times?: Times;
  /** Of our server. Default: none. */
  readonly workers?: number;
}

/** After a start, a client that is not checked within an interval is put out of service: the machine may be a slow one. */
const TIMES: Times = { interval: 'PT5S', timeout: 'PT5M' };

/** What a server says of a client. */
export interface ClientView {
  readonly Enabled: boolean;
  readonly LastCheckedOK: string;
  readonly Timeout: number;
  readonly Interval: number;
}

/** A server with its bus, its Avahi and its disk, and a machine that asks it, over a cable that can be a bad one. */
export class Site {
  readonly program: Program;
  readonly lan: Lan;
  readonly server: Host;
  readonly client: Host;
  readonly wire: BadWire;
  /** Has the mounts that the server sees. */
  readonly cell: Child;
  bus: Child;
  avahi: Child;
  mandos: Child;
  port = 0;
  /** Added to the environment of clients that are started from now on, as `NAME=value`. */
  clientEnvironment: readonly string[] = [];
  readonly #identities: Identities;
  readonly #configDirectory: string;
  readonly #clockFile: string;
  readonly #hasClock: boolean;
  /** Each server that there was. */
  readonly #servers: Child[] = [];

  private constructor(
    options: SiteOptions,
    parts: Pick<Site, 'lan' | 'server' | 'client' | 'wire' | 'cell' | 'bus' | 'avahi'>,
  ) {
    this.program = options.program;
    this.lan = parts.lan;
    this.server = parts.server;
    this.client = parts.client;
    this.wire = parts.wire;
    this.cell = parts.cell;
    this.bus = parts.bus;
    this.avahi = parts.avahi;
    this.mandos = parts.cell;
    this.#identities = options.identities;
    this.#configDirectory = writeServerConfig(
      parts.server,
      clientsConf(options.identities, options.times ?? TIMES),
      options.workers ? `[DEFAULT]\nworkers = ${options.workers}\n` : undefined,
    );
    this.#clockFile = join(parts.server.runDirectory, 'clock');
    this.#hasClock = options.hasClock ?? false;
    this.setClock('+0');
  }

  static async open(t: Cleanup, options: SiteOptions): Promise<Site> {
    const lan = await createLan(t, { segments: 2 });
    const wire = await layBadWire(t, lan);
    const server = await lan.host('server', { segments: [0], addresses: { 0: ['192.0.2.1/24'] } });
    const client = await lan.host('client', {
      segments: [1],
      addresses: { 0: [`${MACHINE}/24`, `${SILENT_MACHINE}/24`] },
    });
    const { child: bus } = await startBus(server);
    const avahi = await startAvahi(server);
    await startSyslog(server);
    makeGnupgSocketDirectories(server);
    for (const name of ['disk', 'tmp']) mkdirSync(join(server.runDirectory, name), { mode: 0o777 });
    const disk = options.disk === 'ext4' ? MOUNT_EXT4 : MOUNT_TMPFS;
    const script = `${disk} && mkdir -p ${STATE} && chmod 777 ${STATE} /run/tmp /dev/shm && echo mounted && exec cat`;
    const cell = spawnWithSyslog(server, 'sh', ['-c', script], { keepInputOpen: true });
    await cell.waitForOutput(/^mounted$/m);
    const site = new Site(options, { lan, server, client, wire, cell, bus, avahi });
    await site.startMandos();
    return site;
  }

  /** Starts the server, with the state that is there, and waits until it is announced. */
  async startMandos(): Promise<void> {
    const directories = [`--configdir=${this.#configDirectory}`, `--statedir=${STATE}`];
    const command =
      this.program === 'ours'
        ? [process.execPath, MANDOS, '--foreground', '--debuglevel=INFO', ...directories]
        : ['/usr/sbin/mandos', '--foreground', '--debug', ...directories];
    this.mandos = this.inCell('env', ['TMPDIR=/run/tmp', ...this.#clock(this.#clockFile), ...command]);
    this.#servers.push(this.mandos);
    const listening = await this.mandos.waitForOutput(/(?:l|Now l)istening on .*(?::|port )(\d+)/);
    this.port = Number(listening[1]);
  }

  async waitForAnnounced(from = 0): Promise<void> {
    const how = this.program === 'ours' ? /advertised as ".*" / : /Zeroconf service established/;
    await this.mandos.waitForOutput(how, undefined, from);
  }

  /** As systemd does: SIGTERM, and SIGKILL after a while. @returns whether it took the latter */
  async stopMandos(): Promise<{ killed: boolean; exit: Exit }> {
    this.mandos.signal('SIGTERM');
    const ended = await this.mandos.waitForExit(STOP_LIMIT_MS).catch(() => undefined);
    if (ended) return { killed: false, exit: ended };
    await this.killMandos();
    return { killed: true, exit: await this.mandos.exited };
  }

  /** Ends it at once, with what it has started, as systemd does. */
  async killMandos(): Promise<void> {
    const { pid } = this.mandos;
    const below = descendantsOf(pid);
    this.mandos.signal('SIGKILL');
    for (const child of below) kill(child, 'SIGKILL');
    await this.mandos.exited;
  }

  /** The server's own processes that run this program. */
  childrenOf(program: string): number[] {
    return descendantsOf(this.mandos.pid).filter(pid => {
      const commandLine = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
      return commandLine?.includes(program);
    });
  }

  /** Spawns where the server's disk is mounted. */
  inCell(command: string, args: readonly string[]): Child {
    const mounts = ['--target', String(this.cell.pid), '--mount', '--', command, ...args];
    return this.server.spawn('nsenter', mounts);
  }

  /** Runs a shell script there to its end. @throws Error when it fails */
  async runInCell(script: string): Promise<string> {
    const child = this.inCell('sh', ['-ec', script]);
    const { code } = await child.waitForExit();
    if (code !== 0) throw new Error(`${script}: status ${code}: ${child.output}`);
    return child.stdout;
  }

  /** @param text as faketime(1) takes it: seconds with a sign, or `@YYYY-MM-DD hh:mm:ss` */
  setClock(text: string): void {
    writeFileSync(this.#clockFile, `${text}\n`);
  }

  /** Clients that are started from now on have this time of day; it goes on from there. */
  setClientClock(text: string): void {
    const file = join(this.client.runDirectory, 'clock');
    writeFileSync(file, `${text}\n`);
    this.clientEnvironment = fakedClock(file);
  }

  #clock(file: string): string[] {
    return this.#hasClock ? fakedClock(file) : [];
  }

  /** Somebody with this client's keys asks, and goes on asking until the end of the test. */
  ask(name: Name): Child {
    const { keys } = this.#identities[name];
    const own = [process.execPath, MANDOS_CLIENT, ...keyFileOptions(keys)];
    const { env, command } = realMandosClientCommand(keys);
    const words = this.program === 'ours' ? own : [...env, ...command, '--retry=1'];
    return this.client.spawn('env', [...this.clientEnvironment, ...words]);
  }

  /** Runs mandos-ctl. @returns its exit status, 124 for one that had to be ended */
  async operate(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
    const limit = ['-k', '1', String(OPERATOR_LIMIT_SECONDS)];
    const { code, stdout, stderr } = await this.server.run(
      'timeout',
      [...limit, process.execPath, MANDOS_CTL, ...args],
      { timeoutMs: 2_000 * OPERATOR_LIMIT_SECONDS },
    );
    return { status: code ?? -1, stdout, stderr };
  }

  /** What the server says of its clients; undefined when it does not. */
  async clients(): Promise<Readonly<Record<string, ClientView>> | undefined> {
    const { status, stdout } = await this.operate('--dump-json');
    return status === 0 ? (JSON.parse(stdout) as Record<string, ClientView>) : undefined;
  }

  /** What the servers have logged, one after another. */
  get log(): string {
    return this.#servers.map(({ output }) => output).join('--- started again\n');
  }

  isServing(): boolean {
    // A process that has ended is one of none.
    return descendantsOf(process.pid).includes(this.mandos.pid);
  }

  /** Processes below the server, and descriptors that it has open. */
  resources(): { processes: number; descriptors: number } {
    const { pid } = this.mandos;
    const descriptors = attempt(() => readdirSync(`/proc/${pid}/fd`).length) ?? 0;
    return { processes: descendantsOf(pid).length, descriptors };
  }
}

function fakedClock(file: string): string[] {
  return [
    `LD_PRELOAD=${FAKETIME}`,
    `FAKETIME_TIMESTAMP_FILE=${file}`,
    'FAKETIME_NO_CACHE=1',
    'FAKETIME_DONT_FAKE_MONOTONIC=1',
    'NO_FAKE_STAT=1',
  ];
}

/** Process IDs, the nearest first. */
export function descendantsOf(pid: number): number[] {
  const read = () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  const children = (attempt(read) ?? '').split(' ').filter(Boolean).map(Number);
  return [...children, ...children.flatMap(descendantsOf)];
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  attempt(() => process.kill(pid, signal));
}

/** What has just ended has no files in /proc, and takes no signals. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
