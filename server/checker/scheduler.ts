import { DueQueue } from '../../common/due-queue.js';
import type { Log } from '../../common/log.js';
import { SLICE_MS } from '../../common/slice.js';
import { endCheck, tick } from '../client/checks.js';
import type { CheckOutcome, Client } from '../client/client.js';
import { expire, expiryReason } from '../client/client.js';
import { BY_CHECKS } from '../client/events.js';
import { expiringReason, expiringSoonMs } from '../client/expiring.js';
import type { Ledger } from '../client/ledger.js';
import type { Registry } from '../client/registry.js';
import { CheckLog } from './check-log.js';
import type { RunningCheck } from './running-check.js';

/** What the scheduler asks of the world. */
export interface SchedulerEffects {
  /** Milliseconds since the Unix epoch that never go back. */
  nowMs(): number;
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
  /** Starts a client's checker. */
  check(client: Client): RunningCheck;
}

/** A check that has ended, of which nobody has been told. */
interface EndedCheck {
  readonly name: string;
  readonly check: RunningCheck;
  readonly outcome: CheckOutcome;
  readonly endedMs: number;
}

/** Runs the checkers of all clients when they are due, and disables those whose time is up. */
export class Scheduler {
  readonly #registry: Registry;
  readonly #ledger: Pick<Ledger, 'decide'>;
  readonly #log: CheckLog;
  readonly #effects: SchedulerEffects;
  /** Apart from the checks: however many of those are late, a client whose time is up is disabled then. */
  readonly #expiries = new DueQueue<string>();
  readonly #checks = new DueQueue<string>();
  /** When which client is to be said to expire soon. */
  readonly #approaches = new DueQueue<string>();
  /** Names of clients of which that is said, until their time is another. */
  readonly #expiring = new Set<string>();
  readonly #running = new Map<string, RunningCheck>();
  /** The first that ended comes first: an fping has the answers of many hosts at once. */
  readonly #ended: EndedCheck[] = [];
  /** Checks that were told to end, and have not. */
  readonly #ending = new Set<Promise<void>>();
  #cancelTimer = () => {};
  #timerMs = Infinity;
  #stopped = false;

  constructor(registry: Registry, ledger: Pick<Ledger, 'decide'>, log: Log, effects: SchedulerEffects) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#log = new CheckLog(log);
    this.#effects = effects;
    for (const client of registry) {
      this.#plan(client);
      this.#approaches.set(client.settings.name, expiringSoonMs(client));
    }
    registry.events.subscribe(event => {
      if (event.kind === 'changed') this.#onChange(event.client, event.before);
      else if (event.kind === 'added') this.#onChange(event.client, undefined);
      else if (event.kind === 'removed') this.#onRemoved(event.client.settings.name);
    });
    this.#arm();
  }

  /** When the first client's time is up, in milliseconds since the Unix epoch; Infinity when none expires. */
  get nextExpiryMs(): number {
    return this.#expiries.nextMs;
  }

  /** How many clients expire soon: their next check is the last that can save them. */
  get expiringSoon(): number {
    return this.#expiring.size;
  }

  /**
   * Ends all checkers; nothing is due any more, and no check is begun.
   * @returns when all of them are gone, or have been killed after STOP_GRACE_MS; never rejects
   */
  async stop(): Promise<void> {
    for (const ended of this.#ended.splice(0)) this.#finish(ended);
    this.#stopped = true;
    this.#cancelTimer();
    for (const name of this.#running.keys()) this.#endChecker(name);
    await Promise.all(this.#ending);
  }

  #onChange(client: Client, before: Client | undefined): void {
    const { name } = client.settings;
    this.#plan(client);
    this.#follow(client, before);
    if (before?.checking && !client.checking) this.#endChecker(name);
    else if (client.checking && !before?.checking) this.#begin(client);
    this.#arm();
  }

  #onRemoved(name: string): void {
    this.#forget(name);
    this.#log.forget(name);
    this.#endChecker(name);
    this.#arm();
  }

  #plan({ settings: { name }, expiresMs, nextCheckMs }: Client): void {
    this.#expiries.set(name, expiresMs ?? Infinity);
    this.#checks.set(name, nextCheckMs ?? Infinity);
  }

  /** A client's time is said to be nearly up once, until it is another time. */
  #follow(client: Client, before: Client | undefined): void {
    const { name } = client.settings;
    const wasSaid = this.#expiring.has(name);
    if (wasSaid && client.expiresMs === before?.expiresMs) return;
    this.#expiring.delete(name);
    const dueMs = expiringSoonMs(client);
    // Of the many changes that a check makes, few are any of this time.
    if (wasSaid || !before || dueMs !== expiringSoonMs(before)) this.#approaches.set(name, dueMs);
  }

  #forget(name: string): void {
    this.#expiries.delete(name);
    this.#checks.delete(name);
    this.#approaches.delete(name);
    this.#expiring.delete(name);
  }

  /** Sets the one timer to what is due first. */
  #arm(): void {
    const dueMs = Math.min(this.#expiries.nextMs, this.#checks.nextMs, this.#approaches.nextMs);
    const nextMs = this.#ended.length > 0 ? -Infinity : dueMs;
    if (this.#stopped || nextMs === this.#timerMs) return;
    this.#cancelTimer();
    this.#timerMs = nextMs;
    if (nextMs === Infinity) return;
    const delayMs = Math.max(0, nextMs - this.#effects.nowMs());
    this.#cancelTimer = this.#effects.after(delayMs, () => this.#work());
  }

  /** Does what is due; what is left after a slice is due at once again, behind whatever else waits for its turn. */
  #work(): void {
    const startMs = this.#effects.nowMs();
    let nowMs = startMs;
    while (nowMs - startMs < SLICE_MS && this.#workOnNext(nowMs)) nowMs = this.#effects.nowMs();
    this.#timerMs = Infinity;
    this.#arm();
  }

  /**
   * What has ended first, since it may save a client; then expiry: no checker is begun only to be cut off.
   * @returns whether anything was due
   */
  #workOnNext(nowMs: number): boolean {
    const ended = this.#ended.shift();
    if (ended) {
      this.#finish(ended);
      return true;
    }
    const expired = this.#expiries.takeDue(nowMs);
    if (expired !== undefined) {
      this.#checks.delete(expired);
      this.#expire(expired, nowMs);
      return true;
    }
    // A check that is due may still be the one that saves it; many late ones must not keep others from being said.
    if (this.#approaches.nextMs < this.#checks.nextMs) {
      const approaching = this.#approaches.takeDue(nowMs);
      if (approaching !== undefined) this.#warn(approaching, nowMs);
      return approaching !== undefined;
    }
    const due = this.#checks.takeDue(nowMs);
    if (due === undefined) return false;
    const client = this.#registry.find(due);
    const ticked = this.#registry.update(due, current => tick(current, nowMs));
    // One that has not changed was not due yet after all, and must not be forgotten.
    if (ticked && ticked === client) this.#plan(ticked);
    return true;
  }

  #warn(name: string, nowMs: number): void {
    const client = this.#registry.find(name);
    // When everything is late, it may be too late.
    if (client?.expiresMs === undefined || client.expiresMs <= nowMs) return;
    this.#expiring.add(name);
    const leftMs = client.expiresMs - nowMs;
    const reason = expiringReason(client);
    this.#registry.events.emit({ kind: 'expiring-soon', client, leftMs, reason });
  }

  #expire(name: string, nowMs: number): void {
    let reason = '';
    const transition = (client: Client) => {
      reason = expiryReason(client, nowMs);
      return expire(client, nowMs);
    };
    const decided = this.#ledger.decide([
      {
        kind: 'update',
        name,
        transition,
        event: client => ({ kind: 'disabled', client, by: BY_CHECKS, reason }),
      },
    ]);
    decided
      // The ledger says that it cannot store it, and has disabled the client all the same.
      .catch(() => {})
      .finally(() => {
        // Something came in between: then it is due at another time.
        const client = this.#registry.find(name);
        if (client) this.#plan(client);
        this.#arm();
      });
  }

  #begin(client: Client): void {
    if (this.#stopped) return;
    const { name } = client.settings;
    const check = this.#effects.check(client);
    this.#running.set(name, check);
    this.#registry.events.emit({ kind: 'checker-started', client, command: check.command });
    void check.done.then(outcome => this.#hasEnded(name, check, outcome));
  }

  #hasEnded(name: string, check: RunningCheck, outcome: CheckOutcome): void {
    this.#ended.push({ name, check, outcome, endedMs: this.#effects.nowMs() });
    this.#arm();
  }

  #finish({ name, check, outcome, endedMs }: EndedCheck): void {
    // One that was stopped says nothing any more, least of all of the check that came after it.
    if (this.#running.get(name) !== check) return;
    this.#running.delete(name);
    const before = this.#registry.find(name);
    const client = this.#registry.update(name, current => endCheck(current, outcome, endedMs));
    if (!client || !before) return;
    const { command } = check;
    this.#registry.events.emit({ kind: 'checker-completed', client, command, outcome });
    this.#log.ended(check, outcome, before);
  }

  #endChecker(name: string): void {
    const check = this.#running.get(name);
    if (!check) return;
    this.#running.delete(name);
    const ending = check.stop().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
