import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../../common/log.js';
import { after } from '../../../common/timer.js';
import { clientChecker } from '../../../server/checker/client-checker.js';
import { Scheduler } from '../../../server/checker/scheduler.js';
import { checkedOk, startCheck, stopCheck } from '../../../server/client/checks.js';
import type { Client } from '../../../server/client/client.js';
import { disable, enable } from '../../../server/client/client.js';
import type { Change } from '../../../server/client/ledger.js';
import { Ledger } from '../../../server/client/ledger.js';
import { Registry } from '../../../server/client/registry.js';
import { Requests } from '../../../server/client/requests.js';
import { restoreClients } from '../../../server/client/restore.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { digest } from '../../../server/state/record.js';
import { Asked, OPERATOR, PEER, TestStore } from '../client/heart.js';
import type { Child } from '../../support/child.js';
import { REQUEST_EFFECTS } from '../../support/release-server.js';
import type { Host } from '../../support/namespace.js';
import { startRealMandos } from '../../support/peers.js';

/** What both servers say of a client. */
export interface View {
  readonly enabled: boolean;
  readonly checking: boolean;
  readonly pending: boolean;
  /** As LastCheckerStatus: -2 for none yet, -1 for one that was killed. */
  readonly status: number;
  readonly lastEnabledMs: number | undefined;
  readonly lastCheckedOkMs: number | undefined;
  readonly expiresMs: number | undefined;
}

/** An operator's methods without arguments, by their names on D-Bus. */
export type Method = 'Enable' | 'Disable' | 'StartChecker' | 'StopChecker' | 'CheckedOK';

/** A server of either kind, as an operator sees it. */
export interface Side {
  readonly name: string;
  read(): Promise<ReadonlyMap<string, View>>;
  call(client: string, method: Method): Promise<void>;
  approve(client: string, granted: boolean): Promise<void>;
  /** In milliseconds. */
  set(client: string, property: 'Timeout' | 'Interval', valueMs: number): Promise<void>;
  /** Ends it cleanly and starts it with the state that it has left. */
  restart(): Promise<void>;
}

const SERVICE = 'se.recompile.Mandos';
const INTERFACE = 'se.recompile.Mandos.Client';
/** When a process of the original that serves a connection is taken for stuck. */
const STUCK_MS = 15_000;
/** How often the bus is asked for a server that starts. */
const POLL_MS = 100;

type Properties = Readonly<Record<string, { readonly data: unknown }>>;

/** The original's server, on a host whose bus runs. */
export class Original implements Side {
  readonly name = 'original';
  readonly #host: Host;
  readonly #configDirectory: string;
  readonly #port: number;
  #running: { readonly child: Child; readonly stateDirectory: string } | undefined;

  constructor(host: Host, configDirectory: string, port: number) {
    this.#host = host;
    this.#configDirectory = configDirectory;
    this.#port = port;
  }

  async start(stateDirectory?: string): Promise<void> {
    const args = ['--no-zeroconf', `--port=${this.#port}`];
    const configDirectory = this.#configDirectory;
    const options = stateDirectory === undefined ? {} : { stateDirectory };
    this.#running = await startRealMandos(this.#host, { configDirectory, args, ...options });
  }

  async restart(): Promise<void> {
    const { child, stateDirectory } = this.#running ?? assert.fail();
    // It never ends when it is told to while it serves a connection, which it does in a process of its own; the one
    // that is left is for checkers.
    const children = () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim().split(' ');
    for (const endMs = Date.now() + STUCK_MS; children().length > 1;) {
      // Neither does one whose machine has gone meanwhile, sometimes.
      if (Date.now() >= endMs) for (const pid of children().slice(1)) process.kill(Number(pid), 'SIGKILL');
      // A client that was refused may have asked again before it was stopped, which the original does not notice.
      for (const [name, { pending }] of await this.read()) if (pending) await this.approve(name, false);
      await sleep(POLL_MS);
    }
    child.signal('SIGTERM');
    await child.waitForExit();
    await this.start(stateDirectory);
  }

  async read(): Promise<ReadonlyMap<string, View>> {
    const text = await this.#bus('/', 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects');
    const reply = JSON.parse(text) as {
      data: [Readonly<Record<string, Readonly<Record<string, Properties>>>>];
    };
    const views = Object.values(reply.data[0]).map(({ [INTERFACE]: properties }): [string, View] => {
      const get = (property: string) => properties?.[property]?.data;
      const time = (property: string) =>
        get(property) === '' ? undefined : Date.parse(`${String(get(property))}Z`);
      const view = {
        enabled: get('Enabled') === true,
        checking: get('CheckerRunning') === true,
        pending: get('ApprovalPending') === true,
        status: Number(get('LastCheckerStatus')),
        lastEnabledMs: time('LastEnabled'),
        lastCheckedOkMs: time('LastCheckedOK'),
        expiresMs: time('Expires'),
      };
      return [String(get('Name')), view];
    });
    return new Map(views);
  }

  async call(client: string, method: Method): Promise<void> {
    await this.#bus(`/clients/${client}`, INTERFACE, method);
  }

  async approve(client: string, granted: boolean): Promise<void> {
    await this.#bus(`/clients/${client}`, INTERFACE, 'Approve', 'b', String(granted));
  }

  async set(client: string, property: string, valueMs: number): Promise<void> {
    const args = ['Set', 'ssv', INTERFACE, property, 't', String(valueMs)];
    await this.#bus(`/clients/${client}`, 'org.freedesktop.DBus.Properties', ...args);
  }

  async #bus(...args: string[]): Promise<string> {
    // It listens before it is on the bus.
    for (let tries = 0; ; tries++) {
      const { code, stdout, stderr } = await this.#host.run('busctl', [
        '--json=short',
        'call',
        SERVICE,
        ...args,
      ]);
      if (code === 0) return stdout;
      assert.ok(
        tries < 100 && /not provided|unknown|No such|activatable/i.test(stderr),
        `${args.join(' ')}: ${stderr}`,
      );
      await sleep(POLL_MS);
    }
  }
}

const log = createLog({ write: () => {} }, 'error');
const nowMs = () => performance.timeOrigin + performance.now();

/** This project's heart in this process, with real checkers and the real time; a restart restores what it has stored. */
export class Ours implements Side {
  readonly name = 'ours';
  readonly #configured: readonly ClientSettings[];
  readonly #store = new TestStore();
  #registry!: Registry;
  #ledger!: Ledger;
  #requests!: Requests;
  #scheduler!: Scheduler;

  constructor(configured: readonly ClientSettings[]) {
    this.#configured = configured;
    this.#start();
  }

  #start(): void {
    const effects = { nowMs: nowMs(), random: Math.random, digest };
    const { clients } = restoreClients(this.#configured, this.#store.stored.values(), effects);
    this.#registry = new Registry(clients);
    this.#ledger = new Ledger(this.#registry, this.#store, log, { after });
    this.#requests = new Requests(this.#registry, this.#ledger, log, {
      ...REQUEST_EFFECTS,
      nowMs,
      after,
    });
    const check = clientChecker(log);
    this.#scheduler = new Scheduler(this.#registry, this.#ledger, log, { nowMs, after, check });
    this.#ledger.record(
      clients.map(({ settings }) => settings.name),
      [],
    );
  }

  async stop(): Promise<void> {
    await this.#scheduler.stop();
    await this.#ledger.flush();
  }

  async restart(): Promise<void> {
    await this.stop();
    this.#start();
  }

  read(): Promise<ReadonlyMap<string, View>> {
    return Promise.resolve(
      new Map([...this.#registry].map(client => [client.settings.name, viewOf(client)])),
    );
  }

  async call(client: string, method: Method): Promise<void> {
    const atMs = nowMs();
    if (method === 'Enable') await this.#decide(client, current => enable(current, atMs));
    else if (method === 'Disable') await this.#decide(client, disable);
    else if (method === 'StartChecker') this.#registry.update(client, startCheck);
    else if (method === 'StopChecker') this.#registry.update(client, stopCheck);
    else this.#registry.update(client, current => checkedOk(current, atMs));
  }

  approve(client: string, granted: boolean): Promise<void> {
    return this.#requests.approve(client, granted, OPERATOR);
  }

  async set(client: string, property: 'Timeout' | 'Interval', valueMs: number): Promise<void> {
    const changes = property === 'Timeout' ? { timeoutMs: valueMs } : { intervalMs: valueMs };
    const atMs = nowMs();
    await this.#decide(client, current => changeSettings(current, changes, atMs));
  }

  /** Asks as somebody with the client's key, who takes the secret at once. */
  async ask(client: string): Promise<Asked> {
    const keyId = this.#registry.find(client)?.settings.keyId ?? '';
    const asked = new Asked(this.#requests.ask(keyId, PEER));
    await asked.request.verdict;
    asked.finish();
    return asked;
  }

  #decide(name: string, transition: (client: Client) => Client): Promise<void> {
    const change: Change = { kind: 'update', name, transition };
    return this.#ledger.decide([change]);
  }
}

function viewOf(client: Client): View {
  const { enabled, checking, pendingApprovals, lastCheck, lastEnabledMs, lastCheckedOkMs, expiresMs } =
    client;
  const status = lastCheck?.kind === 'exited' ? lastCheck.status : -1;
  return {
    enabled,
    checking,
    pending: pendingApprovals > 0,
    status: lastCheck ? status : -2,
    lastEnabledMs,
    lastCheckedOkMs,
    expiresMs,
  };
}
