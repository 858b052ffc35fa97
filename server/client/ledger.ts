import type { Log } from '../../common/log.js';
import { describeError } from '../../common/errors.js';
import type { Client } from './client.js';
import { disable } from './client.js';
import type { Change, Step } from './plan.js';
import { nameOf, nextOf, Plan } from './plan.js';
import type { Registry, Transition } from './registry.js';
import type { ClientStore, StoreBatch } from './store.js';
import { withChanges } from './with-changes.js';

export type { Change };

export interface LedgerEffects {
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
  /**
   * Milliseconds from one write to the next when nothing but releases waits: a fleet that boots at once shares writes,
   * which take more time than a release itself. One machine alone does not wait. Default: 0.
   */
  readonly gatherMs?: number;
}

/** How long the results of checks may wait for others, so that many share one write. */
const BATCH_MS = 1_000;
/** Records in one write: some milliseconds of the event loop, and no more for whoever waits for the next one. */
const BATCH_LIMIT = 200;
/** How soon a store that has failed is tried again when nobody asks for a decision. */
const RETRY_MS = 5_000;

interface Entry {
  readonly changes: readonly Change[];
  readonly mayWait: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What is written besides decisions. */
interface Flushed extends Pick<StoreBatch, 'saved' | 'forgotten'> {
  /** Names that were not in the store as they are: for another try. */
  readonly dirty: readonly string[];
  readonly gone: readonly string[];
}
const NOTHING: Flushed = { dirty: [], gone: [], saved: [], forgotten: [] };

/**
 * The one who writes down what must not be forgotten. A decision is stored first, then it holds, then all hear of it.
 * Decisions that come while the disk is busy share the next write. Whatever else changes is stored within a second.
 *
 * When it cannot be stored, a decision fails and does not hold, but for what keeps a secret in: a client that is to be
 * disabled is, one that is to be removed is disabled, and a denial holds. The store hears of it as soon as it can.
 */
export class Ledger {
  readonly #registry: Registry;
  readonly #store: ClientStore;
  readonly #log: Log;
  readonly #effects: LedgerEffects;
  readonly #waiting: Entry[] = [];
  /** Decisions that are being written. */
  #underWay: readonly Entry[] = [];
  /** Names whose state is not in the store as it is. */
  readonly #dirty = new Set<string>();
  /** Names that the store is to forget. */
  readonly #gone = new Set<string>();
  #flushDue = false;
  #cancelFlush: (() => void) | undefined;
  #work: Promise<void> | undefined;
  /** Since the last write, others have had no time to gather. */
  #isGathering = false;
  #gathered = Promise.resolve();
  /** Ends the gathering. */
  #hurry: (() => void) | undefined;
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

  /** Whether the state could be stored when that was last tried. */
  get isStoring(): boolean {
    return !this.#failing;
  }

  /**
   * Makes a decision of one or more changes, which hold together or not at all. A change of a client that does not exist
   * is none.
   * @param mayWait for `gatherMs`, so that others share its write
   * @returns when it is stored and holds
   * @throws MandosError STATE when it cannot be stored
   */
  decide(changes: readonly Change[], mayWait = false): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, mayWait, resolve, reject });
      if (!mayWait) this.#hurry?.();
      this.#start();
    });
  }

  /**
   * What will have become of a client when all decisions that were made hold, those too that are not stored yet. For
   * whoever is about to do what cannot be undone.
   */
  foresee(name: string): Client | undefined {
    let client = this.#registry.find(name);
    for (const { changes } of [...this.#underWay, ...this.#waiting]) {
      for (const change of changes) if (nameOf(change) === name) client = nextOf(change, client);
    }
    return client;
  }

  /** Stores how these are, soon; and that those are gone. */
  record(names: Iterable<string>, gone: Iterable<string>): void {
    for (const name of gone) this.#gone.add(name);
    for (const name of names) this.#soon(name);
    if (this.#gone.size > 0) this.#schedule(BATCH_MS);
  }

  /**
   * Stores what is not stored yet.
   * @returns whether all is; never rejects, as the log says when it fails
   */
  async flush(): Promise<boolean> {
    this.#flushDue = true;
    this.#hurry?.();
    this.#start();
    await this.#work;
    if (this.#dirty.size + this.#gone.size > 0) return false;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    return true;
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
    this.#work ??= this.#run();
  }

  async #run(): Promise<void> {
    // What was asked for in the same turn shares one write.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#flushDue) {
      if (this.#isGathering && !this.#flushDue && this.#waiting.every(({ mayWait }) => mayWait)) {
        await this.#gathered;
      }
      this.#gather();
      await this.#writeNext();
    }
    // Not in a later turn: whoever asks for something then would wait for what has ended.
    this.#work = undefined;
  }

  /** From now on, for a while. */
  #gather(): void {
    const { gatherMs = 0 } = this.#effects;
    this.#hurry?.();
    if (gatherMs === 0) return;
    this.#isGathering = true;
    this.#gathered = new Promise(resolve => {
      const end = () => {
        cancel();
        this.#isGathering = false;
        this.#hurry = undefined;
        resolve();
      };
      const cancel = this.#effects.after(gatherMs, end);
      this.#hurry = end;
    });
  }

  async #writeNext(): Promise<void> {
    const entries = this.#waiting.splice(0);
    const changes = entries.map(entry => entry.changes).flat();
    const plan = new Plan(this.#registry, changes, this.#dirty);
    const flushed = this.#flushDue ? this.#takeDirty(plan) : NOTHING;
    const batch = plan.batch(flushed);
    this.#underWay = entries;
    try {
      if (batch.saved.length + batch.removed.length + batch.forgotten.length > 0) {
        await this.#store.write(batch);
        this.#succeeded();
      }
    } catch (error) {
      this.#underWay = [];
      this.#failed(error, flushed);
      for (const { change } of plan.steps) this.#restrict(change);
      for (const entry of entries) entry.reject(error);
      return;
    }
    this.#underWay = [];
    for (const step of plan.steps) this.#apply(step);
    this.#settle(plan);
    for (const entry of entries) entry.resolve();
  }

  /** What a flush writes besides the plan, up to a limit. */
  #takeDirty(plan: Plan): Flushed {
    const dirty: string[] = [];
    const saved: Client[] = [];
    for (const name of this.#dirty) {
      if (saved.length >= BATCH_LIMIT) break;
      const client = this.#registry.find(name);
      if (client && !plan.has(name)) saved.push(client);
      dirty.push(name);
      this.#dirty.delete(name);
    }
    const gone = [...this.#gone];
    this.#gone.clear();
    this.#flushDue = this.#dirty.size > 0;
    const forgotten = gone.filter(name => !this.#registry.find(name) && !plan.has(name));
    return { dirty, gone, saved, forgotten };
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

  /** Of a change that cannot be stored holds what keeps its client's secret in, and nothing else. */
  #restrict(change: Change): void {
    const before = this.#registry.find(nameOf(change));
    if (!before || change.kind === 'add') return;
    const { name } = before.settings;
    if (change.kind === 'remove') {
      // A reload changes nothing then.
      if (change.by.kind === 'configuration') return;
      const client = this.#registry.update(name, disable) ?? before;
      if (client === before) return;
      const reason = 'it is to be removed, which cannot be stored';
      this.#registry.events.emit({ kind: 'disabled', client, by: change.by, reason });
      return;
    }
    const next = change.transition(before);
    const isDenied = next.approval !== before.approval && next.approval?.granted === false;
    if (isDenied) this.#hold(change, before, client => withChanges(client, { approval: next.approval }));
    if (before.enabled && !next.enabled) this.#hold(change, before, disable);
  }

  #hold({ event }: Extract<Change, { kind: 'update' }>, before: Client, restrict: Transition): void {
    const client = this.#registry.update(before.settings.name, restrict);
    const happened = client && event?.(client, before);
    if (happened?.kind === 'disabled' || happened?.kind === 'approved') {
      this.#registry.events.emit(happened);
    }
  }

  /** What is as the plan has it is stored already. */
  #settle(plan: Plan): void {
    for (const [name, client] of plan.results) {
      // It is remembered as removed by now, or is there.
      this.#gone.delete(name);
      if (client && this.#registry.find(name) === client) this.#dirty.delete(name);
    }
  }

  #succeeded(): void {
    if (this.#failing) this.#log.warning('the state can be stored again');
    this.#failing = false;
  }

  #failed(error: unknown, { dirty, gone }: Flushed): void {
    for (const name of dirty) this.#dirty.add(name);
    for (const name of gone) this.#gone.add(name);
    this.#flushDue = false;
    if (!this.#failing) {
      const consequence = 'serving on, but decisions are refused, and a crash would lose what has changed';
      this.#log.critical(`${describeError(error)}; ${consequence}`);
    }
    this.#failing = true;
    this.#schedule(RETRY_MS);
  }
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
