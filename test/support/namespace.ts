import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Exit, SpawnOptions } from './child.js';
import { Child, DEFAULT_WAIT_MS } from './child.js';

/** Namespaces start with the test run's name, so that the run can tell what was left behind. */
const PREFIX = process.env['MANDOS_TEST_RUN'] ?? 'mandos-test';

const execute = promisify(execFile);

/** How often the kernel is asked whether an address is there yet. */
const POLL_MS = 20;

/** How often an ended process's namespace is looked at again before it counts as a leftover. */
const LEFTOVER_TRIES = 100;

/** What a lan needs of node:test: a place to hang its removal on. A TestContext, or `{ after }` within describe. */
export interface Cleanup {
  after(hook: () => Promise<void>): void;
}

export interface HostOptions {
  /** The segments that the host's interfaces are on, in order. Default: one interface, on segment 0. */
  readonly segments?: readonly number[];
  /** Addresses besides the link-local one, by interface (its place in `segments`): `{ 0: ['192.0.2.1/24'] }`. */
  readonly addresses?: Readonly<Record<number, readonly string[]>>;
  /** False leaves the interfaces down, as an initramfs finds them. */
  readonly up?: boolean;
  /** False switches IPv6 off in the host. */
  readonly ipv6?: boolean;
}

/**
 * Network segments (bridges in a namespace of their own) for hosts (namespaces) to be joined to. Nothing of it
 * touches the machine's own interfaces. Everything is removed when the test ends, also when it fails.
 */
export async function createLan(t: Cleanup, options: { segments?: number } = {}): Promise<Lan> {
  const id = `${PREFIX}-${process.pid}-${randomBytes(3).toString('hex')}`;
  const lan = new Lan(id, options.segments ?? 1);
  active.add(lan);
  t.after(() => lan.close());
  await lan.open();
  return lan;
}

export class Lan {
  /** The namespace that the bridges are in, for a tap device or a packet capture. */
  readonly switchNamespace: string;
  /** The bridges' names, by segment. */
  readonly bridges: readonly string[];
  /** A directory of this lan's own, removed with it. */
  readonly directory: string;
  readonly #hosts: Host[] = [];
  readonly #namespaces: string[] = [];
  #ports = 0;

  constructor(id: string, segments: number) {
    this.switchNamespace = `${id}-switch`;
    this.bridges = Array.from({ length: segments }, (_, i) => `br${i}`);
    this.directory = mkdtempSync(join(tmpdir(), 'lan-'));
    chmodSync(this.directory, 0o755); // servers change their user, and a bus has strangers
  }

  /** @internal */
  async open(): Promise<void> {
    await this.addNamespace(this.switchNamespace, false);
    for (const bridge of this.bridges) {
      await ip(this.switchNamespace, `link add ${bridge} type bridge mcast_snooping 0 forward_delay 0`);
      await ip(this.switchNamespace, `link set ${bridge} up`);
    }
  }

  /**
   * Adds a host.
   * @param name its host name and part of its namespace's; unique in this lan
   */
  async host(name: string, options: HostOptions = {}): Promise<Host> {
    const host = new Host(this, name, this.switchNamespace.replace(/switch$/, name));
    this.#hosts.push(host);
    await this.addNamespace(host.namespace, options.ipv6 ?? true);
    for (const [i, segment] of (options.segments ?? [0]).entries()) {
      const link = new Link(this, host, `eth${i}`, segment, options.addresses?.[i] ?? []);
      host.interfaces.push(link);
      await link.create({ up: options.up ?? true });
    }
    if (options.ipv6 !== false && options.up !== false) {
      await Promise.all(host.interfaces.map(link => link.waitForLinkLocal()));
    }
    return host;
  }

  /** @internal a name for the bridge's end of a cable */
  nextPort(): string {
    return `port${this.#ports++}`;
  }

  /** Ends all processes and removes all namespaces and files. Throws when something withstands. */
  async close(): Promise<void> {
    await Promise.all(this.#hosts.map(host => host.stopAll()));
    const left: string[] = [];
    for (const namespace of this.#namespaces) {
      for (let i = 0; i < LEFTOVER_TRIES && killAllIn(namespace).length > 0; i++) await sleep(POLL_MS);
      left.push(...killAllIn(namespace).map(pid => `process ${pid} in ${namespace}`));
    }
    this.removeNow();
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }

  /** @internal What can still be done in an exit or signal handler. */
  removeNow(): void {
    active.delete(this);
    for (const namespace of this.#namespaces.splice(0)) {
      killAllIn(namespace);
      execFileSync('ip', ['netns', 'delete', namespace], { env: ENVIRONMENT });
    }
    // What has just been killed may still have made a file.
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 10 });
  }

  private async addNamespace(namespace: string, ipv6: boolean): Promise<void> {
    await execute('ip', ['netns', 'add', namespace], { env: ENVIRONMENT });
    this.#namespaces.push(namespace);
    const disable = ipv6 ? 0 : 1;
    // Before any interface is there: they take over the defaults. Without duplicate address detection an address is
    // usable at once.
    await inNamespace(
      namespace,
      `for of in all default lo; do echo ${disable} >/proc/sys/net/ipv6/conf/$of/disable_ipv6; done
       for of in all default; do echo 0 >/proc/sys/net/ipv6/conf/$of/accept_dad; done
       ip link set lo up`,
    );
  }
}

/** A host: a network namespace, with a private /run and a host name of its own for its processes. */
export class Host {
  readonly lan: Lan;
  readonly name: string;
  readonly namespace: string;
  readonly interfaces: Link[] = [];
  /** What the host's processes see as /run. */
  readonly runDirectory: string;
  /** Of the host's system bus, whether it runs or not: never the machine's. */
  readonly busAddress: string;
  readonly #children: Child[] = [];

  constructor(lan: Lan, name: string, namespace: string) {
    this.lan = lan;
    this.name = name;
    this.namespace = namespace;
    this.runDirectory = join(lan.directory, name);
    mkdirSync(join(this.runDirectory, 'dbus'), { recursive: true });
    this.busAddress = `unix:path=${join(this.runDirectory, 'dbus/system_bus_socket')}`;
  }

  /** Starts a program in the host. It is ended with the lan at the latest. */
  spawn(command: string, args: readonly string[], options: SpawnOptions = {}): Child {
    return this.spawnShell(
      // The mount namespace is the one that `ip netns exec` makes; nothing of it is seen outside.
      'mount --bind "$RUN" /run; unset RUN; exec "$@"',
      [command, ...args],
      options,
      `${this.name}: ${[command, ...args].join(' ')}`,
    );
  }

  /**
   * Starts a shell script in the host, before /run has become private: its source is in $RUN.
   * @param args the script's $1, …
   */
  spawnShell(script: string, args: readonly string[], options: SpawnOptions = {}, title?: string): Child {
    const child = new Child(
      'ip',
      [
        'netns',
        'exec',
        this.namespace,
        'unshare',
        '--uts',
        'sh',
        '-c',
        `set -e; echo "$HOST" >/proc/sys/kernel/hostname; unset HOST; ${script}`,
        'sh',
        ...args,
      ],
      {
        ...options,
        env: {
          ...ENVIRONMENT,
          DBUS_SYSTEM_BUS_ADDRESS: this.busAddress,
          ...options.env,
          RUN: this.runDirectory,
          HOST: this.name,
        },
      },
      title,
    );
    this.#children.push(child);
    return child;
  }

  /** Runs a program to its end. */
  async run(
    command: string,
    args: readonly string[],
    options: SpawnOptions & { timeoutMs?: number } = {},
  ): Promise<Exit & { stdout: string; stderr: string }> {
    const child = this.spawn(command, args, options);
    const exit = await child.waitForExit(options.timeoutMs);
    return { ...exit, stdout: child.stdout, stderr: child.stderr };
  }

  /** @internal The newest first: what a program stands on ends after it. */
  async stopAll(): Promise<void> {
    for (const child of this.#children.splice(0).toReversed()) await child.stop();
  }
}

/** A host's interface, and the cable to its segment. */
export class Link {
  readonly name: string;
  /** The segment that the cable leads to. */
  readonly segment: number;
  readonly #lan: Lan;
  readonly #host: Host;
  readonly #addresses: readonly string[];
  #port = '';
  #linkLocal: string | undefined;

  constructor(lan: Lan, host: Host, name: string, segment: number, addresses: readonly string[]) {
    this.#lan = lan;
    this.#host = host;
    this.name = name;
    this.segment = segment;
    this.#addresses = addresses;
  }

  /** The interface's link-local address, without a scope: `fe80::…`. Changes when the link is created again. */
  get linkLocal(): string {
    if (this.#linkLocal === undefined) throw new Error(`${this.#host.name}: ${this.name} has no address yet`);
    return this.#linkLocal;
  }

  /** Creates the interface (again, after `remove`). */
  async create({ up = true } = {}): Promise<void> {
    const bridge = this.#lan.bridges[this.segment];
    if (bridge === undefined) throw new Error(`there is no segment ${this.segment}`);
    this.#port = this.#lan.nextPort();
    const { namespace } = this.#host;
    await ip(
      this.#lan.switchNamespace,
      `link add ${this.#port} type veth peer name ${this.name} netns ${namespace}`,
    );
    await ip(this.#lan.switchNamespace, `link set ${this.#port} master ${bridge} up`);
    if (up) await this.up();
    for (const address of this.#addresses)
      await ip(namespace, `address add ${address} dev ${this.name} nodad`);
  }

  /** Deletes the interface, as a cable adapter that is pulled out. */
  async remove(): Promise<void> {
    await ip(this.#host.namespace, `link delete ${this.name}`);
    this.#linkLocal = undefined;
  }

  async up(): Promise<void> {
    await ip(this.#host.namespace, `link set ${this.name} up`);
  }

  /** The kernel takes the IPv6 addresses away with it. */
  async down(): Promise<void> {
    await ip(this.#host.namespace, `link set ${this.name} down`);
  }

  /** Gives the carrier back. */
  async plug(): Promise<void> {
    await ip(this.#lan.switchNamespace, `link set ${this.#port} up`);
  }

  /** Takes the carrier away: the interface is up, but not running. */
  async unplug(): Promise<void> {
    await ip(this.#lan.switchNamespace, `link set ${this.#port} down`);
  }

  /** Waits until the interface has a link-local address that can be used. */
  async waitForLinkLocal(timeoutMs: number = DEFAULT_WAIT_MS): Promise<string> {
    const endMs = Date.now() + timeoutMs;
    while (Date.now() < endMs) {
      const text = await ip(
        this.#host.namespace,
        `-6 -o address show dev ${this.name} scope link -tentative`,
      );
      this.#linkLocal = /inet6 (fe80:[^/]+)\//.exec(text)?.[1];
      if (this.#linkLocal !== undefined) return this.#linkLocal;
      await sleep(POLL_MS);
    }
    throw new Error(`${this.#host.name}: no link-local address on ${this.name} after ${timeoutMs} ms`);
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}

const ENVIRONMENT = {
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
  LC_ALL: 'C.UTF-8',
};

/** Runs ip(8) on a namespace. */
async function ip(namespace: string, words: string): Promise<string> {
  const args = ['-n', namespace, ...words.split(' ')];
  return (await execute('ip', args, { env: ENVIRONMENT })).stdout;
}

async function inNamespace(namespace: string, script: string): Promise<void> {
  await execute('ip', ['netns', 'exec', namespace, 'sh', '-ec', script], { env: ENVIRONMENT });
}

/** Kills what runs in the namespace, daemons that left their process group included, and says what there was. */
function killAllIn(namespace: string): number[] {
  const pids = execFileSync('ip', ['netns', 'pids', namespace], { env: ENVIRONMENT, encoding: 'utf8' })
    .split('\n')
    .filter(line => line !== '')
    .map(Number);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
  return pids;
}

/** What is to be removed when the test's process ends before the test has. */
const active = new Set<Lan>();

function removeAll(): void {
  for (const lan of active) lan.removeNow();
}

process.once('exit', removeAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    removeAll();
    process.kill(process.pid, signal);
  });
}
