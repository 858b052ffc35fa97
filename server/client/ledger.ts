import type { Log } from '../../common/log.js';
import { describeError } from '../../common/errors.js';
import type { Client } from './client.js';
import type { ClientEvent, Origin } from './events.js';
import type { Registry, Transition } from './registry.js';
import type { ClientStore, StoreBatch } from './store.js';

/** A part of a decision. */
export type Change =
  | {
      readonly kind: 'update';
      readonly name: string;
      readonly transition: Transition;
      /** What has happened, if the transition has changed something. */
      readonly event?: (client: Client, before: Client) => ClientEvent | undefined;
    }
  | { readonly kind: 'add'; readonly client: Client; readonly by: Origin }
  | {
      readonly kind: 'remove';
      readonly name: string;
      readonly by: Origin;
      /** Whether it may come back by itself: the configuration does not name it any more. */
      readonly forget: boolean;
    };

export interface LedgerEffects {
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
}

/** How long the results of checks may wait for others, so that many share one write. */
const BATCH_MS = 1_000;
/** Records in one write: none holds the event loop for long. */
const BATCH_LIMIT = 1_000;
/** How soon a store that has failed is tried again when nobody asks for a decision. */
const RETRY_MS = 5_000;

interface Entry {
  readonly changes: readonly Change[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** One change, worked out: what it makes of what. */
interface Step {
  readonly change: Change;
  readonly before: Client | undefined;
  readonly next: Client | undefined;
}

/**
 * The one who writes down what must not be forgotten. A decision is stored first, then it holds, then all hear of it.
 * Decisions that come while the disk is busy share the next write. Whatever else changes is stored within a second.
 *
 * When it cannot be stored, a decision does not hold and fails, save one: a client that is to be disabled is, and the
 * store hears of it as soon as it can.
 */
export class Ledger {
  readonly #registry: Registry;
  readonly #store: ClientStore;
  readonly #log: Log;
  readonly #effects: LedgerEffects;
  readonly #waiting: Entry[] = [];
  /** Names whose state is not in the store as it is. */
  readonly #dirty = new Set<string>();
  /** Names that the store is to forget. */
  readonly #gone = new Set<string>();
  #flushDue = false;
  #cancelFlush: (() => void) | undefined;
  #work: Promise<void> | undefined;
  #failing = false;

  constructor(registry: Registry, store: ClientStore, log: Log, effects: LedgerEffects) {
    this.#registry = registry;
    this.#store = store;
    this.#log = log;
    this.#effects = effects;
    registry.events.subscribe(event => {
      if (event.kind === 'changed' && isWorthStoring(event.client, event.before)) {
        this.#soon(event.client.settings.name);
      }
    });
  }

  /**
   * Makes a decision of one or more changes, which hold together or not at all. A change of a client that does not exist
   * is none.
   * @returns when it is stored and holds
   * @throws MandosError STATE when it cannot be stored
   */
  decide(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject });
      this.#start();
    });
  }

  /** Stores how these are, soon; and that those are gone. */
  record(names: Iterable<string>, gone: Iterable<string>): void {
    for (const name of gone) this.#gone.add(name);
    for (const name of names) this.#soon(name);
    if (this.#gone.size > 0) this.#schedule(BATCH_MS);
  }

  /** Stores what is not stored yet. Resolves also when that fails, which the log says. */
  async flush(): Promise<void> {
    this.#flushDue = true;
    this.#start();
    await this.#work;
    this.#cancelFlush?.();
  }

  #soon(name: string): void {
    this.#dirty.add(name);
    this.#schedule(BATCH_MS);
  }

  #schedule(delayMs: number): void {
    this.#cancelFlush ??= this.#effects.after(delayMs, () => {
      this.#cancelFlush = undefined;
      this.#flushDue = true;
      this.#start();
    });
  }

  #start(): void {
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
      if (this.#waiting.length > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    // What was asked for in the same turn shares one write.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#flushDue) {
      const entries = this.#waiting.splice(0);
      const steps = entries.map(entry => entry.changes);
      const plan = new Plan(this.#registry, steps.flat());
      const flushed = this.#flushDue ? this.#takeDirty(plan) : NOTHING;
      const batch = plan.batch(flushed);
      try {
        if (batch.saved.length + batch.removed.length + batch.forgotten.length > 0) {
          await this.#store.write(batch);
          this.#succeeded();
        }
      } catch (error) {
        this.#failed(error, flushed);
        for (const step of plan.steps) if (isDisabling(step)) this.#apply(step);
        for (const entry of entries) entry.reject(error);
        continue;
      }
      for (const step of plan.steps) this.#apply(step);
      this.#settle(plan);
      for (const entry of entries) entry.resolve();
    }
  }

  /** What a flush writes besides the plan, up to a limit. */
  #takeDirty(plan: Plan): Flushed {
    const saved: Client[] = [];
    for (const name of this.#dirty) {
      if (saved.length >= BATCH_LIMIT) break;
      const client = this.#registry.find(name);
      if (client && !plan.has(name)) saved.push(client);
      this.#dirty.delete(name);
    }
    const forgotten = [...this.#gone].filter(name => !this.#registry.find(name) && !plan.has(name));
    this.#gone.clear();
    this.#flushDue = this.#dirty.size > 0;
    return { saved, forgotten };
  }

  #apply({ change, before, next }: Step): void {
    if (change.kind === 'add') this.#registry.add(change.client, change.by);
    else if (change.kind === 'remove') this.#registry.remove(change.name, change.by);
    else if (before && next) {
      const { name, transition, event } = change;
      let earlier = before;
      // Checks may have ended while the disk was busy: then it is applied to what has become of the client.
      const now = this.#registry.update(name, client => {
        earlier = client;
        return client === before ? next : transition(client);
      });
      const happened = now && now !== earlier ? event?.(now, earlier) : undefined;
      if (happened) this.#registry.events.emit(happened);
    }
  }

  /** What is as the plan has it is stored already. */
  #settle(plan: Plan): void {
    for (const [name, client] of plan.results) {
      if (client && this.#registry.find(name) === client) this.#dirty.delete(name);
    }
  }

  #succeeded(): void {
    if (this.#failing) this.#log.warning('the state can be stored again');
    this.#failing = false;
  }

  #failed(error: unknown, { saved, forgotten }: Flushed): void {
    for (const client of saved) this.#dirty.add(client.settings.name);
    for (const name of forgotten) this.#gone.add(name);
    this.#flushDue = false;
    if (!this.#failing) {
      const consequence = 'serving on, but decisions are refused, and a crash would lose what has changed';
      this.#log.critical(`${describeError(error)}; ${consequence}`);
    }
    this.#failing = true;
    this.#schedule(RETRY_MS);
  }
}

type Flushed = Pick<StoreBatch, 'saved' | 'forgotten'>;
const NOTHING: Flushed = { saved: [], forgotten: [] };

/** What decisions make of the clients, before anything holds. */
class Plan {
  readonly steps: readonly Step[];
  readonly #registry: Registry;
  readonly #next = new Map<string, Client | undefined>();
  readonly #forget = new Set<string>();
  readonly #removed = new Map<string, Client>();

  constructor(registry: Registry, changes: readonly Change[]) {
    this.#registry = registry;
    this.steps = changes.map(change => this.#work(change));
  }

  has(name: string): boolean {
    return this.#next.has(name);
  }

  /** What becomes of those that change. */
  get results(): ReadonlyMap<string, Client | undefined> {
    return this.#next;
  }

  batch(flushed: Flushed): StoreBatch {
    const saved: Client[] = [...flushed.saved];
    for (const [name, next] of this.#next) if (next && next !== this.#registry.find(name)) saved.push(next);
    return {
      saved,
      removed: [...this.#removed.values()],
      forgotten: [...flushed.forgotten, ...this.#forget],
    };
  }

  #work(change: Change): Step {
    const name = change.kind === 'add' ? change.client.settings.name : change.name;
    const before = this.has(name) ? this.#next.get(name) : this.#registry.find(name);
    const next = nextOf(change, before);
    if (before !== next) this.#next.set(name, next);
    if (change.kind === 'remove' && before) {
      if (change.forget) this.#forget.add(name);
      else this.#removed.set(name, before);
    } else if (next && change.kind === 'add') {
      this.#forget.delete(name);
      this.#removed.delete(name);
    }
    return { change, before, next };
  }
}

function nextOf(change: Change, before: Client | undefined): Client | undefined {
  switch (change.kind) {
    case 'add':
      return change.client;
    case 'remove':
      return undefined;
    case 'update':
      return before && change.transition(before);
  }
}

function isDisabling({ change, before, next }: Step): boolean {
  return change.kind === 'update' && before?.enabled === true && next?.enabled === false;
}

/** What holds only while the server runs is not worth a write: a check that begins, a request that waits. */
function isWorthStoring(client: Client, before: Client): boolean {
  return (
    client.expiresMs !== before.expiresMs ||
    client.lastCheck !== before.lastCheck ||
    client.settings !== before.settings ||
    client.configured !== before.configured ||
    client.enabled !== before.enabled ||
    client.approval !== before.approval ||
    client.releases !== before.releases ||
    client.lastApprovalRequestMs !== before.lastApprovalRequestMs ||
    client.lastCheckedOkMs !== before.lastCheckedOkMs
  );
}
