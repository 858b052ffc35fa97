import { DueQueue } from '../../common/due-queue.js';
import type { Log } from '../../common/log.js';
import type { CheckOutcome, Client } from '../client/client.js';
import { disable, endCheck, expiryReason, isExpired, nextDueMs, tick } from '../client/client.js';
import type { Registry } from '../client/registry.js';
import type { RunningCheck } from './shell-runner.js';

/** What the scheduler asks of the world. */
export interface SchedulerEffects {
  /** Milliseconds since the Unix epoch that never go back. */
  nowMs(): number;
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
  /** Starts a client's checker. */
  check(client: Client): RunningCheck;
}

/** What setTimeout takes at most; it runs at once with more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Runs the checkers of all clients when they are due, and disables those whose time is up. */
export class Scheduler {
  readonly #registry: Registry;
  readonly #log: Log;
  readonly #effects: SchedulerEffects;
  readonly #queue = new DueQueue<string>();
  readonly #running = new Map<string, RunningCheck>();
  #cancelTimer = () => {};
  #timerMs = Infinity;
  #stopped = false;

  constructor(registry: Registry, log: Log, effects: SchedulerEffects) {
    this.#registry = registry;
    this.#log = log;
    this.#effects = effects;
    for (const client of registry) this.#queue.set(client.settings.name, nextDueMs(client));
    registry.onChange((client, before) => {
      this.#queue.set(client.settings.name, nextDueMs(client));
      if (before.checking && !client.enabled) this.#endChecker(client.settings.name);
      this.#arm();
    });
    this.#arm();
  }

  /** Ends all checkers; nothing is due any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    for (const name of this.#running.keys()) this.#endChecker(name);
  }

  /** Sets the one timer to what is due first. */
  #arm(): void {
    if (this.#stopped || this.#queue.nextMs === this.#timerMs) return;
    this.#cancelTimer();
    this.#timerMs = this.#queue.nextMs;
    if (this.#timerMs === Infinity) return;
    const delayMs = Math.min(Math.max(0, this.#timerMs - this.#effects.nowMs()), LONGEST_TIMER_MS);
    this.#cancelTimer = this.#effects.after(delayMs, () => this.#work());
  }

  #work(): void {
    const nowMs = this.#effects.nowMs();
    for (let name; (name = this.#queue.takeDue(nowMs)) !== undefined;) this.#clientIsDue(name, nowMs);
    this.#timerMs = Infinity;
    this.#arm();
  }

  /** Expiry first: no checker is begun only to be cut off. */
  #clientIsDue(name: string, nowMs: number): void {
    const client = this.#registry.find(name);
    if (!client) return;
    if (isExpired(client, nowMs)) {
      this.#log.warning(`${name}: disabled: ${expiryReason(client, nowMs)}`);
      this.#registry.update(name, disable);
      return;
    }
    const ticked = this.#registry.update(name, () => tick(client, nowMs));
    if (ticked && ticked.checking && !client.checking) this.#begin(ticked);
    // A client that was due by a rounding of the clock only has not changed, and must not be forgotten.
    else if (ticked === client) this.#queue.set(name, nextDueMs(client));
  }

  #begin(client: Client): void {
    const { name } = client.settings;
    const check = this.#effects.check(client);
    this.#running.set(name, check);
    this.#log.debug(`${name}: checker started: ${check.command}`);
    void check.done.then(outcome => this.#ended(name, check, outcome));
  }

  #ended(name: string, check: RunningCheck, outcome: CheckOutcome): void {
    // One that was stopped says nothing any more, least of all of the check that came after it.
    if (this.#running.get(name) !== check) return;
    this.#running.delete(name);
    const before = this.#registry.find(name);
    this.#registry.update(name, client => endCheck(client, outcome, this.#effects.nowMs()));
    const what = describeOutcome(outcome);
    if (what === undefined) this.#log.debug(`${name}: check succeeded`);
    // Said when it begins to fail, not each time.
    else if (isFailure(before?.lastCheck)) this.#log.debug(`${name}: check failed again: ${what}`);
    else this.#log.info(`${name}: check failed: ${what}: ${check.command}`);
  }

  #endChecker(name: string): void {
    const check = this.#running.get(name);
    this.#running.delete(name);
    check?.stop();
  }
}

function isFailure(outcome: CheckOutcome | undefined): boolean {
  return outcome !== undefined && describeOutcome(outcome) !== undefined;
}

/** What a failed check ended with; undefined for one that succeeded. */
function describeOutcome(outcome: CheckOutcome): string | undefined {
  if (outcome.kind === 'killed') return `ended by signal ${outcome.signal}`;
  return outcome.status === 0 ? undefined : `exit status ${outcome.status}`;
}
