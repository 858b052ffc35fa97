import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Child, Exit } from '../support/child.js';
import { DEFAULT_WAIT_MS } from '../support/child.js';
import type { Host, Lan } from '../support/namespace.js';
import { hasCommand, requires } from '../support/requires.js';

export const HOOKS = join(import.meta.dirname, '../../../network-hooks.d');
export const HOOK_NAMES = ['bond', 'bridge', 'openvpn', 'vlan', 'wireguard', 'wireless'] as const;

/** Where the hooks keep what they must know to undo, on the host. */
export const STATE = 'mandos-network-hooks';

/** Shells of an initramfs: Debian's are dash and busybox's; klibc's is an old dash. */
export const SHELLS: readonly (readonly string[])[] = [
  ['dash'],
  ['busybox', 'sh'],
  ['/usr/lib/klibc/bin/sh'],
];

/** How often the kernel is asked whether a state has come. */
const POLL_MS = 50;

/** Longer than any interface takes to come, as the hook's --delay: a loaded machine is slow. */
const DELAY_S = 20;

/** Options for a test in namespaces that needs these commands. */
export function needing(...commands: string[]): { skip: string } | Record<string, never> {
  const missing = commands.filter(command => !hasCommand(command) && !existsSync(command));
  if (process.env['CI'] === 'true' || missing.length === 0) return requires('root', 'netns', 'ip');
  return { skip: `needs ${missing.join(', ')}` };
}

export interface Result extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** A host's copy of the hooks, as in an initramfs. */
export class HookDirectory {
  readonly path: string;
  readonly host: Host;
  readonly shell: readonly string[];

  /** @param shell what runs the hooks, with its arguments; none: their first line says it */
  constructor(lan: Lan, host: Host, shell: readonly string[] = []) {
    this.path = mkdtempSync(join(lan.directory, 'network-hooks.d-'));
    cpSync(HOOKS, this.path, { recursive: true });
    this.host = host;
    this.shell = shell;
  }

  /** Writes a file, such as a hook's .conf. */
  write(name: string, text: string, mode = 0o600): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  }

  /** Starts a hook as mandos-client does. */
  spawn(name: string, mode: string, environment: Record<string, string | undefined> = {}): Child {
    const [command, ...args] = [...this.shell, join(this.path, name), mode];
    assert.ok(command !== undefined);
    const delay = mode === 'start' || mode === 'stop' ? { DELAY: `${DELAY_S}` } : {};
    const env = {
      MANDOSNETHOOKDIR: this.path,
      MODE: mode,
      VERBOSITY: '0',
      DEVICE: '',
      ...delay,
      ...environment,
    };
    return this.host.spawn(command, args, { env });
  }

  async run(
    name: string,
    mode: string,
    environment: Record<string, string | undefined> = {},
  ): Promise<Result> {
    const child = this.spawn(name, mode, environment);
    const exit = await child.waitForExit();
    return { ...exit, stdout: child.stdout, stderr: child.stderr };
  }

  /** Runs a hook that has to succeed and to say nothing. @returns standard output, by lines */
  async succeed(
    name: string,
    mode: string,
    environment: Record<string, string | undefined> = {},
  ): Promise<string[]> {
    const { code, signal, stdout, stderr } = await this.run(name, mode, environment);
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' }, `${name} ${mode}`);
    return stdout.split('\n').slice(0, -1);
  }

  /** Runs a hook that has to fail, and returns its only line. */
  async fail(
    name: string,
    mode: string,
    environment: Record<string, string | undefined> = {},
  ): Promise<string> {
    const { code, stderr } = await this.run(name, mode, environment);
    assert.equal(code, 1, `${name} ${mode} fails: ${stderr}`);
    assert.match(stderr, new RegExp(`^mandos-hook ${name}: .*\n$`));
    return stderr;
  }
}

/** The output of a command on a host that has to succeed. */
export async function output(host: Host, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(command, args);
  assert.equal(code, 0, `${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

type Json = Record<string, unknown>;

async function ipJson(host: Host, ...args: string[]): Promise<Json[]> {
  return JSON.parse((await output(host, 'ip', '-details', '-json', ...args)) || '[]') as Json[];
}

/** What a hook can change: interfaces, flags, members, addresses, routes, files in /run. */
export async function state(host: Host): Promise<Json> {
  const links = await ipJson(host, 'address', 'show');
  return {
    // The queue discipline appears when an interface is up for the first time, and stays.
    links: links.map(entry => ({ ...entry, qdisc: undefined })),
    routes: [...(await ipJson(host, '-4', 'route')), ...(await ipJson(host, '-6', 'route'))],
    files: filesIn(host.runDirectory),
  };
}

export function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted();
}

/** Waits until the state is this again: the kernel makes link-local addresses some time after an interface is up. */
export async function assertState(host: Host, expected: Json, what: string): Promise<void> {
  const endMs = Date.now() + DEFAULT_WAIT_MS;
  let now = await state(host);
  while (!isDeepStrictEqual(now, expected) && Date.now() < endMs) {
    await sleep(POLL_MS);
    now = await state(host);
  }
  assert.deepEqual(now, expected, what);
}

/** Waits until a condition holds. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + DEFAULT_WAIT_MS;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not in ${DEFAULT_WAIT_MS} ms: ${what}`);
    await sleep(POLL_MS);
  }
}

export async function sleep(ms: number): Promise<void> {
  await new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}

/** What this test itself runs there: a moment that is awaited may be looked for still when it has come another way. */
const OWN_QUESTION = /\bip -details -json address show$/;

/** The command lines of the processes of the host's namespace. */
export function processes(host: Host): string[] {
  const pids = execFileSync('ip', ['netns', 'pids', host.namespace], { encoding: 'utf8' });
  return pids.split('\n').flatMap(pid => {
    if (pid === '') return [];
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return line === '' || OWN_QUESTION.test(line) ? [] : [line]; // a zombie has none
    } catch {
      return []; // it has just ended
    }
  });
}

/** An interface as `ip -json address show` has it, or undefined. */
export async function linkOf(host: Host, name: string): Promise<Json | undefined> {
  return (await ipJson(host, 'address', 'show')).find(({ ifname }) => ifname === name);
}

export async function isUp(host: Host, name: string): Promise<boolean> {
  const flags = (await linkOf(host, name))?.['flags'];
  return Array.isArray(flags) && flags.includes('UP');
}

/** Waits until another host answers. */
export async function assertReaches(host: Host, address: string): Promise<void> {
  await eventually(`${host.name} reaches ${address}`, async () => {
    return (await host.run('fping', ['-q', '-r0', '-t1000', address])).code === 0;
  });
}

export function isExecutable(path: string): boolean {
  return (statSync(path).mode & 0o111) !== 0;
}

/** The hardware address of an interface. */
export async function hardwareAddress(host: Host, name: string): Promise<string> {
  return String((await linkOf(host, name))?.['address']);
}
