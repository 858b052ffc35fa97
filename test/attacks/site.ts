import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program, RunningServer } from '../interop/scene.js';
import { serve } from '../interop/scene.js';
import type { Child } from '../support/child.js';
import type { Cleanup, Host, Lan } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import type { Keys } from '../support/programs.js';
import type { Attack, Sources } from './attacks.js';
import type { Tools } from './tools.js';

const SERVER = '2001:db8::1';
const HONEST = '2001:db8::2';
const ATTACKER = '2001:db8::3';
/** Networks that are the attacker's, and those that it only claims to be. */
const NETWORKS = '2001:db8:8000';
const NOBODYS = '2001:db8:9000';
const PORT = 4711;
const AUDIT_FILE = 'audit.jsonl';
/** Machines of the segment. */
const HONEST_ADDRESSES = 'fe80::b:';
const HONEST_COUNT = 64;
/** They all ask as one client: who that may be is not of interest here. */
const NO_CHECKS = 'release_check = off\n';
const LOAD_LIMIT_MS = 300_000;

/** What the attacker's tools say in the end. */
export interface Spoils {
  readonly attempts: number;
  readonly established: number;
  /** By the server. */
  readonly closed: number;
  readonly failed: number;
  /** Connections at once. */
  readonly peak: number;
  readonly handshakes: number;
  readonly secrets: number;
  readonly seconds: number;
}

/** Of honest clients; milliseconds from when each began until it had its secret. */
export interface Served {
  readonly ok: number;
  /** Those among them who were served when they asked for the first time. */
  readonly first: number;
  readonly faults: readonly string[];
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface SiteOptions {
  readonly program: Program;
  /** Of this project's server. */
  readonly workers: number;
  readonly tools: Tools;
  readonly keys: Keys;
  readonly mandosConf?: string;
}

/** A server, honest clients and an attacker on one segment. */
export class Site {
  readonly server: RunningServer;
  readonly #options: SiteOptions;
  readonly #lan: Lan;
  readonly #serverHost: Host;
  readonly #honest: Host;
  readonly #attacker: Host;
  readonly #secretFile: string;

  private constructor(
    options: SiteOptions,
    lan: Lan,
    hosts: readonly [Host, Host, Host],
    server: RunningServer,
  ) {
    this.#options = options;
    this.#lan = lan;
    [this.#serverHost, this.#honest, this.#attacker] = hosts;
    this.server = server;
    this.#secretFile = join(lan.directory, 'secret');
    writeFileSync(this.#secretFile, secretOf(options.keys.section));
  }

  static async open(t: Cleanup, options: SiteOptions): Promise<Site> {
    const lan = await createLan(t);
    const host = (name: string, address: string) => lan.host(name, { addresses: { 0: [`${address}/64`] } });
    const server = await host('server', SERVER);
    const honest = await host('honest', HONEST);
    const attacker = await host('attacker', ATTACKER);
    const { linkLocal = '' } = attacker.interfaces[0] ?? {};
    for (const network of [NETWORKS, NOBODYS]) {
      await route(server, 'add', `${network}::/48`, 'via', linkLocal, 'dev', 'eth0');
    }
    await route(attacker, 'add', 'local', `${NETWORKS}::/48`, 'dev', 'lo');
    await addAddresses(honest, HONEST_ADDRESSES, HONEST_COUNT);
    const isOurs = options.program === 'ours';
    const mandosConf = `[DEFAULT]\nworkers = ${options.workers}\n${options.mandosConf ?? ''}`;
    const clientsConf = `${options.keys.section}${isOurs ? NO_CHECKS : ''}`;
    const running = await serve(options.program, server, clientsConf, {
      args: ['--no-zeroconf', `--port=${PORT}`, ...(isOurs ? [`--audit-log=/run/${AUDIT_FILE}`] : [])],
      ...(isOurs ? { mandosConf } : {}),
    });
    return new Site(options, lan, [server, honest, attacker], running);
  }

  /** Lets an attack begin, and returns when it is under way. It ends when its standard input does. */
  async attack(attack: Attack): Promise<Child> {
    const { tools, keys } = this.#options;
    const [address, sources] = await this.#places(attack.sources);
    const { tool, kind, simultaneous, rate } = attack;
    const place = [address, PORT];
    const args = {
      flood: [
        kind,
        ...place,
        simultaneous,
        rate,
        sources,
        ...(kind === 'replay' ? [await this.#record()] : []),
      ],
      impostor: [kind, ...place, simultaneous, rate, sources, keys.keys],
      'syn-flood': [...place, rate, sources],
    }[tool];
    if (kind.startsWith('certificate')) this.#certify();
    const child = this.#attacker.spawn(tools[tool], args.map(String), { keepInputOpen: true });
    await child.waitForOutput(/^attacking$/m);
    return child;
  }

  /** Lets honest clients ask. @param rate of them a second */
  async ask(count: number, rate: number): Promise<Served> {
    return this.#load(this.#linkLocal, PORT, count, rate, `${HONEST_ADDRESSES}%x*${HONEST_COUNT}`);
  }

  /** Where secrets have gone to that are not the honest clients', as the server itself says; the original does not. */
  get misdelivered(): number {
    // The attacker's own address is that of the client whose handshake was recorded.
    const isHonest = (address: string) => address.startsWith(HONEST_ADDRESSES) || address === ATTACKER;
    return this.#audited.filter(({ event, address }) => event === 'released' && !isHonest(address)).length;
  }

  /** Those of secrets that were sent apart. */
  get auditRecords(): number {
    return this.#audited.filter(({ event }) => event !== 'released').length;
  }

  get #audited(): readonly { event: string; address: string }[] {
    const file = join(this.#serverHost.runDirectory, AUDIT_FILE);
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean);
    return lines.map(line => JSON.parse(line) as { event: string; address: string });
  }

  async #places({ from, ...rest }: Sources): Promise<[address: string, sources: string]> {
    const count = 'count' in rest ? rest.count : 0;
    if (from === 'one') return [this.#linkLocal, '-'];
    if (from === 'networks') return [SERVER, `${NETWORKS}:%x::1*${count}`];
    if (from === 'nobody') return [SERVER, `${NOBODYS}:%x::1*${count}`];
    await addAddresses(this.#attacker, 'fe80::a:', count);
    return [this.#linkLocal, `fe80::a:%x*${count}`];
  }

  get #linkLocal(): string {
    return `${this.#serverHost.interfaces[0]?.linkLocal ?? ''}%eth0`;
  }

  /** Lets a client meet the server through the attacker. @returns the file with what it has said */
  async #record(): Promise<string> {
    const file = join(this.#lan.directory, 'flight');
    const script = join(import.meta.dirname, 'tools/record.js');
    const child = this.#attacker.spawn(process.execPath, [script, SERVER, String(PORT), file]);
    const [, port] = await child.waitForOutput(/recording at (\d+)/);
    const { ok, faults } = await this.#load(ATTACKER, Number(port), 1, 1, '-');
    if (ok !== 1) throw new Error(`nothing to record: ${faults.join(', ')}`);
    await child.waitForExit();
    return file;
  }

  /** A certificate for the client's own key. */
  #certify(): void {
    const { keys } = this.#options.keys;
    const request = [
      'req',
      '-x509',
      '-key',
      join(keys, 'tls-privkey.pem'),
      '-subj',
      '/CN=client',
      '-days',
      '1',
    ];
    execFileSync('openssl', [...request, '-out', join(keys, 'cert.pem')], { stdio: 'ignore' });
  }

  async #load(address: string, port: number, count: number, rate: number, sources: string): Promise<Served> {
    const { tools, keys } = this.#options;
    const args = [address, port, count, rate, sources, keys.keys, this.#secretFile].map(String);
    const { stdout, stderr } = await this.#honest.run(tools.honest, args, { timeoutMs: LOAD_LIMIT_MS });
    if (stdout === '') throw new Error(`the honest clients failed: ${stderr}`);
    return JSON.parse(stdout) as Served;
  }
}

function route(host: Host, ...words: string[]): Promise<void> {
  return must(host, 'ip', ['-6', 'route', ...words]);
}

/** Gives a host link-local addresses: `PREFIX1`, `PREFIX2`, … in hexadecimal. */
export async function addAddresses(host: Host, prefix: string, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => (i + 1).toString(16));
  const lines = numbers.map(number => `address add ${prefix}${number}/64 dev eth0 nodad\n`);
  await must(host, 'ip', ['-batch', '-'], lines.join(''));
}

async function must(host: Host, command: string, args: readonly string[], input?: string): Promise<void> {
  const { code, stderr } = await host.run(command, args, input === undefined ? {} : { input });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}

/** What a release sends, from a section of clients.conf. */
function secretOf(section: string): Buffer {
  return Buffer.from(/^secret =\s*\n((?:[ \t]+.*\n?)+)/m.exec(section)?.[1] ?? '', 'base64');
}
