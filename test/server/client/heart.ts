import assert from 'node:assert/strict';
import { MandosError } from '../../../common/errors.js';
import { createLog } from '../../../common/log.js';
import type { RunningCheck } from '../../../server/checker/running-check.js';
import { Scheduler } from '../../../server/checker/scheduler.js';
import type { CheckOutcome, Client } from '../../../server/client/client.js';
import { disable, enable } from '../../../server/client/client.js';
import type { ClientEvent, Origin } from '../../../server/client/events.js';
import type { Change } from '../../../server/client/ledger.js';
import { Ledger } from '../../../server/client/ledger.js';
import { Registry } from '../../../server/client/registry.js';
import type { FinalVerdict, ReleaseRequest } from '../../../server/client/requests.js';
import { MINUTES_OF_WEEK } from '../../../server/client/release-window.js';
import { Requests } from '../../../server/client/requests.js';
import type { Restored } from '../../../server/client/restore.js';
import { restoreClients } from '../../../server/client/restore.js';
import type { ChangeableSettings } from '../../../server/client/settings-change.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import type { ClientStore, StoreBatch, StoredClient } from '../../../server/client/store.js';
import { decodeClient, digest, encodeClient } from '../../../server/state/record.js';
import { SimulatedClock } from '../../client-plugin/simulation.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

export const OPERATOR: Origin = { kind: 'operator', uid: 0 };
export const OK: CheckOutcome = { kind: 'exited', status: 0 };
export const FAILED: CheckOutcome = { kind: 'exited', status: 1 };
export const PEER = { address: '::1', port: 4711 };

/** A client that nothing is due for in the times of a test, with a key ID of its own. */
export function settingsOf(name: string, change: Partial<ClientSettings> = {}): ClientSettings {
  return {
    ...TEST_SETTINGS,
    name,
    keyId: keyOf(name),
    secret: Uint8Array.from(Buffer.from(`secret of ${name}`)),
    intervalMs: 3_600_000,
    timeoutMs: 7_200_000,
    extendedTimeoutMs: 9_000_000,
    ...change,
  };
}

export function keyOf(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(64, '0');
}

/** A disk that does what a test wants; what has reached it is there after a crash, and nothing else. */
export class TestStore implements ClientStore {
  readonly stored = new Map<string, StoredClient>();
  /** All that was to be written, successful or not. */
  readonly batches: StoreBatch[] = [];
  /** While it is busy, nothing is written. */
  isBusy = false;
  isBroken = false;
  /** Whether the last write has. */
  hasFailed = false;
  #end: (() => void) | undefined;

  write(batch: StoreBatch): Promise<void> {
    assert.equal(this.#end, undefined, 'one write at a time');
    this.batches.push(batch);
    return new Promise((resolve, reject) => {
      this.#end = () => {
        this.#end = undefined;
        this.hasFailed = this.isBroken;
        if (this.isBroken) reject(new MandosError('STATE', 'the disk is broken'));
        else {
          this.#keep(batch);
          resolve();
        }
      };
      if (!this.isBusy) this.#end();
    });
  }

  /** Ends the write under way, if there is one. */
  finish(): void {
    this.#end?.();
  }

  /** A write under way comes to nothing. The disk works again. */
  crash(): void {
    this.#end = undefined;
    this.isBusy = false;
    this.isBroken = false;
  }

  /** What is written in one batch, as words. */
  get words(): string[] {
    return this.batches.map(({ saved, removed, forgotten }) => {
      const names = (clients: readonly Client[]) => clients.map(({ settings: { name } }) => name);
      const words = [
        ...names(saved),
        ...names(removed).map(name => `-${name}`),
        ...forgotten.map(name => `!${name}`),
      ];
      return words.join(' ');
    });
  }

  #keep({ saved, removed, forgotten }: StoreBatch): void {
    // By way of the bytes of the real one, without its disk.
    const put = (client: Client, isRemoved: boolean) =>
      this.stored.set(client.settings.name, decodeClient(encodeClient(client, isRemoved)));
    for (const name of forgotten) this.stored.delete(name);
    for (const client of removed) put(client, true);
    for (const client of saved) put(client, false);
  }
}

export interface HeartOptions {
  /** Of the ledger. Default: 0. */
  readonly gatherMs?: number;
  readonly store?: TestStore;
  readonly clock?: SimulatedClock;
  /** In [0, 1): spreads the first checks. Default 0.5. */
  readonly random?: () => number;
  readonly check?: (client: Client) => RunningCheck;
  /** Whether the machine of a client is up, as its checker says when its key asks. Default: it is not. */
  readonly checkNow?: (client: Client) => Promise<CheckOutcome>;
  /** Default: 8. */
  readonly maxPendingApprovals?: () => number;
}

/** The server's heart with its scheduler, on a simulated clock and disk. */
export class Heart {
  readonly clock: SimulatedClock;
  readonly store: TestStore;
  readonly restored: Restored;
  readonly registry: Registry;
  readonly ledger: Ledger;
  readonly requests: Requests;
  readonly scheduler: Scheduler;
  readonly lines: string[] = [];
  readonly events: ClientEvent[] = [];
  #isStopped = false;

  constructor(configured: readonly ClientSettings[], options: HeartOptions = {}) {
    this.clock = options.clock ?? new SimulatedClock();
    this.store = options.store ?? new TestStore();
    const random = options.random ?? (() => 0.5);
    const { clock } = this;
    this.restored = restoreClients(configured, this.store.stored.values(), {
      nowMs: clock.nowMs(),
      random,
      digest,
    });
    this.registry = new Registry(this.restored.clients);
    this.registry.events.subscribe(event => this.events.push(event));
    const log = createLog({ write: (level, line) => this.lines.push(`${level}: ${line}`) }, 'info');
    const nowMs = () => clock.nowMs();
    // A server that has crashed does nothing any more.
    const after = (delayMs: number, run: () => void) =>
      clock.after(delayMs, () => {
        if (!this.#isStopped) run();
      });
    const write = (batch: StoreBatch) =>
      this.#isStopped ? new Promise<void>(() => {}) : this.store.write(batch);
    this.ledger = new Ledger(this.registry, { write }, log, { after, gatherMs: options.gatherMs ?? 0 });
    this.requests = new Requests(this.registry, this.ledger, log, {
      nowMs,
      after,
      minuteOfWeek: () => Math.floor(clock.nowMs() / 60_000) % MINUTES_OF_WEEK,
      checkNow: options.checkNow ?? (() => Promise.resolve(FAILED)),
      maxPendingApprovals: options.maxPendingApprovals ?? (() => 8),
    });
    const check = options.check ?? (() => neverEnding());
    this.scheduler = new Scheduler(this.registry, this.ledger, log, { nowMs, after, check });
  }

  /** Ends it as a power cut does. */
  crash(): void {
    this.#isStopped = true;
  }

  client(name = 'a'): Client {
    return this.registry.find(name) ?? assert.fail(`no client ${name}`);
  }

  update(name: string, transition: (client: Client) => Client): void {
    this.registry.update(name, transition);
  }

  disable(name = 'a'): Promise<void> {
    return this.ledger.decide([disabling(name)]);
  }

  enable(name = 'a'): Promise<void> {
    const nowMs = this.clock.nowMs();
    return this.decideUpdate(name, client => enable(client, nowMs));
  }

  set(changes: Partial<ChangeableSettings>, name = 'a'): Promise<void> {
    const nowMs = this.clock.nowMs();
    return this.decideUpdate(name, client => changeSettings(client, changes, nowMs));
  }

  remove(name = 'a', by: Origin = OPERATOR): Promise<void> {
    return this.ledger.decide([{ kind: 'remove', name, by }]);
  }

  approve(granted: boolean, name = 'a'): Promise<void> {
    return this.requests.approve(name, granted, OPERATOR);
  }

  decideUpdate(name: string, transition: (client: Client) => Client): Promise<void> {
    return this.ledger.decide([{ kind: 'update', name, transition }]);
  }

  /** Asks with the key of a client. */
  ask(keyId = keyOf('a')): Asked {
    return new Asked(this.requests.ask(keyId, PEER));
  }

  /** What has happened since the last call, in words; a change of state by the fields that have changed. */
  said(): string[] {
    return this.events.splice(0).map(describe);
  }
}

/** A request, with what it has come to so far. */
export class Asked {
  readonly request: ReleaseRequest;
  verdict: FinalVerdict | undefined;

  constructor(request: ReleaseRequest) {
    this.request = request;
    void this.#listen();
  }

  async #listen(): Promise<void> {
    this.verdict = await this.request.verdict;
  }

  /** What it has come to: the secret, or the reason of the refusal. */
  get outcome(): string | undefined {
    if (this.verdict?.kind === 'refuse') return this.verdict.code;
    return this.verdict && Buffer.from(this.verdict.client.settings.secret).toString();
  }

  /** As a connection does when it has sent the secret. */
  finish(): void {
    this.request.sent();
    this.request.close();
  }
}

export function disabling(name = 'a'): Change {
  return {
    kind: 'update',
    name,
    transition: disable,
    event: client => ({ kind: 'disabled', client, by: OPERATOR, reason: 'an operator says so' }),
  };
}

export function neverEnding(): RunningCheck {
  return { command: 'sleep', done: new Promise(() => {}), stop: () => Promise.resolve() };
}

/** An event in words. */
export function describe(event: ClientEvent): string {
  switch (event.kind) {
    case 'changed': {
      const { client, before } = event;
      const keys = Object.keys(client) as (keyof Client)[];
      return keys.filter(key => client[key] !== before[key]).join(' ');
    }
    case 'refused':
      return `refused: ${event.refusal.code}`;
    case 'approved':
      return event.granted ? 'approved' : 'denied';
    case 'approval-needed':
      return `approval-needed: ${event.delayMs}`;
    case 'checker-completed':
      return `checker-completed: ${event.outcome.kind}`;
    case 'disabled':
    case 'enabled':
    case 'added':
    case 'removed':
    case 'settings-changed':
    case 'checker-started':
    case 'released':
    case 'release-interrupted':
    case 'impostor':
    case 'expiring-soon':
      return event.kind;
  }
}
