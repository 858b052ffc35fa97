import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Child } from '../support/child.js';
import type { Lan } from '../support/namespace.js';
import { BOOT_WAIT_MS, Console } from './console.js';
import type { Image } from './image.js';
import { SCRIPTS } from './image.js';
import { record } from './results.js';

const execute = promisify(execFile);

/** How often QEMU's control socket is looked for. */
const POLL_MS = 20;

/** What the kernel is always told. Few messages, so that what is asserted on stands out. */
const APPEND = 'console=ttyS0 quiet loglevel=1 panic=-1 ro mitigations=off';

export interface MachineOptions {
  /** The segments of the lan that its interfaces are on, in order. Default: one interface, on segment 0. */
  readonly segments?: readonly number[];
  /** Further words for the kernel. */
  readonly append?: string;
  /** The number of a VLAN that its one interface is on, tagged, with segment 0 behind it. */
  readonly vlan?: number;
  /** Default: what the figures in the table are for. */
  readonly memoryMb?: number;
  /** Further arguments for QEMU. */
  readonly args?: readonly string[];
  /** The name in the table of times. Default: none, and it is not in the table. */
  readonly row?: string;
}

/** A machine that has been switched on. */
export class Machine {
  readonly console: Console;
  readonly #child: Child;
  readonly #row: string | undefined;

  constructor(console: Console, child: Child, row: string | undefined) {
    this.console = console;
    this.#child = child;
    this.#row = row;
  }

  /** Waits until the volume's password is asked for. @returns where the console's text was by then, for `from` */
  async waitForPrompt(volume = 'root', from = 0): Promise<number> {
    await this.console.waitFor(prompt(volume), BOOT_WAIT_MS, from);
    return this.console.text.length;
  }

  /** Types at the password prompt. */
  typePassword(password: string): void {
    this.console.type(`${password}\r`);
  }

  /** Waits until the root file system's own init has reported, and the machine is off. Its times go to the table. */
  async waitForRoot(timeoutMs: number = BOOT_WAIT_MS): Promise<void> {
    await this.console.waitFor(/machine: done/, timeoutMs);
    await this.#child.waitForExit();
    if (this.#row !== undefined) {
      const at = (pattern: RegExp) => {
        const found = this.console.find(pattern);
        return found && { seconds: found.seconds, cpuSeconds: found.cpuSeconds };
      };
      record({
        kind: 'boot',
        row: this.#row,
        prompt: at(prompt()),
        unlocked: at(UNLOCKED),
        root: at(/machine: root is mounted/),
      });
    }
  }

  /** What the machine's own init said. */
  report(): string[] {
    return [...this.console.text.matchAll(/^machine: (.*?)\r?$/gm)].map(match => match[1] ?? '');
  }

  /** Pulls the plug. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }
}

/** cryptsetup's, in either kind of initramfs. */
export const UNLOCKED = /cryptsetup: \S+: set up successfully|Finished .*Cryptography Setup for root/;

/** The question for a volume's password: of initramfs-tools, or of systemd. */
function prompt(volume = 'root'): RegExp {
  return new RegExp(`unlock disk .*${volume}|[Pp]assphrase for disk .*${volume}`);
}

/** Switches a machine on. It is switched off when the test ends, at the latest. */
export async function boot(
  t: TestContext,
  lan: Lan,
  image: Image,
  options: MachineOptions = {},
): Promise<Machine> {
  const name = `machine${machines++}`;
  const consolePath = join(lan.directory, `${name}.console`);
  const network: string[] = [];
  for (const [i, segment] of (options.segments ?? [0]).entries()) {
    const tap = `${name.replace('machine', 'tap')}-${i}`;
    const bridge = lan.bridges[segment] ?? '';
    const netdev =
      options.vlan === undefined
        ? await addTap(lan, tap, bridge)
        : await addVlanWire(t, lan, tap, bridge, options.vlan);
    network.push('-netdev', `${netdev},id=net${i}`);
    network.push('-device', `virtio-net-pci,netdev=net${i},romfile=,mac=52:54:00:00:00:0${i + 1}`);
  }
  const disks = image.volumes.flatMap(volume => [
    '-drive',
    `file=${join(image.directory, `${volume}.img`)},format=raw,if=virtio,snapshot=on`,
  ]);
  const command = [
    'qemu-system-x86_64',
    ...`-accel tcg,thread=multi -machine q35 -cpu max -m ${options.memoryMb ?? 512} -no-reboot`.split(' '),
    ...'-nodefaults -display none -device virtio-rng-pci -serial chardev:console'.split(' '),
    '-chardev',
    `socket,id=console,path=${consolePath},server=on,wait=on`,
    '-kernel',
    join(image.directory, 'vmlinuz'),
    '-initrd',
    join(image.directory, 'initrd'),
    '-append',
    `${APPEND} ${image.append} ${options.append ?? ''}`,
    ...network,
    ...disks,
    ...(options.args ?? []),
  ];
  const child = new Child(
    'ip',
    ['netns', 'exec', lan.switchNamespace, ...command],
    // QEMU keeps what a machine writes to a snapshot there.
    { env: { TMPDIR: lan.directory } },
    name,
  );
  t.after(() => child.stop());
  const socket = await connect(consolePath, child);
  return new Machine(new Console(socket, () => cpuSeconds(child.pid)), child, options.row);
}

/** Processor time of a process with all its threads, by proc(5). ip(8) has become QEMU. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ');
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
  } catch {
    return Number.NaN; // it has just ended
  }
}

/** Of proc(5), in a second: the same on every Linux. */
const CLOCK_TICKS = 100;

let machines = 0;

/** A tap device on a bridge. @returns what QEMU needs to be told */
async function addTap(lan: Lan, tap: string, bridge: string): Promise<string> {
  await ip(lan, `tuntap add ${tap} mode tap`);
  await ip(lan, `link set ${tap} master ${bridge} up`);
  return `tap,ifname=${tap},script=no,downscript=no`;
}

/** The same, with frames that are tagged on the machine's side. */
async function addVlanWire(
  t: TestContext,
  lan: Lan,
  tap: string,
  bridge: string,
  vlan: number,
): Promise<string> {
  const path = join(lan.directory, `${tap}.wire`);
  const script = join(SCRIPTS, 'vlan-wire.py');
  const wire = new Child(
    'ip',
    ['netns', 'exec', lan.switchNamespace, 'python3', script, path, tap, String(vlan)],
    {},
  );
  t.after(() => wire.stop());
  await wire.waitForOutput(/^ready$/m);
  await ip(lan, `link set ${tap} master ${bridge} up`);
  return `stream,server=off,addr.type=unix,addr.path=${path}`;
}

async function ip(lan: Lan, words: string): Promise<void> {
  await execute('ip', ['-n', lan.switchNamespace, ...words.split(' ')]);
}

/** QEMU starts the machine when somebody is at the console. */
async function connect(path: string, child: Child): Promise<Socket> {
  let ended = false;
  void child.exited.then(() => (ended = true));
  for (;;) {
    // The socket has its name a moment before it listens.
    const socket = await tryToConnect(path);
    if (socket) return socket;
    if (ended) throw new Error(`QEMU has not started: ${child.tail()}`);
    await sleep(POLL_MS);
  }
}

function tryToConnect(path: string): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
