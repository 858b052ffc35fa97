import type { Alert } from './alert.js';

/** Alerts that are delivered at the same time: as many processes, and a few more that they start. */
export const HOOKS_AT_ONCE = 8;
/** Alerts that wait, at some hundred bytes each: what comes when a whole site goes down. */
export const QUEUE_LIMIT = 10_000;
/** Of these, alerts of one client: one that asks and asks must not take the others' places. */
export const CLIENT_QUEUE_LIMIT = 100;

/** What anybody who has a client's key can make at will: it makes room for what tells of him. */
const GIVES_WAY: ReadonlySet<string> = new Set(['refused', 'approval_needed', 'release_interrupted']);

interface Lane {
  readonly waiting: Alert[];
  isBusy: boolean;
}

/** Delivers alerts: those of one client in order, those of several at once, in turn. */
export class AlertQueue {
  readonly #deliver: (alert: Alert) => Promise<void>;
  readonly #onDropped: (alert: Alert) => void;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes in which an alert waits and none is being delivered, the longest waiting first. */
  readonly #ready = new Set<string>();
  readonly #idle: (() => void)[] = [];
  #waiting = 0;
  #busy = 0;

  /**
   * @param deliver never rejects
   * @param onDropped hears of each alert for which there was no room, or no room any more
   */
  constructor(deliver: (alert: Alert) => Promise<void>, onDropped: (alert: Alert) => void) {
    this.#deliver = deliver;
    this.#onDropped = onDropped;
  }

  push(alert: Alert): void {
    // Clients' names cannot be empty. What is about none of them is of one lane for each event.
    const name = alert.client ?? `\n${alert.event}`;
    const lane = this.#lanes.get(name) ?? { waiting: [], isBusy: false };
    if (this.#waiting >= QUEUE_LIMIT || lane.waiting.length >= CLIENT_QUEUE_LIMIT) {
      const oldest = lane.waiting.findIndex(({ event }) => GIVES_WAY.has(event));
      const [left] = oldest === -1 ? [] : lane.waiting.splice(oldest, 1);
      this.#onDropped(left ?? alert);
      if (!left) return;
      this.#waiting--;
    }
    this.#lanes.set(name, lane);
    lane.waiting.push(alert);
    this.#waiting++;
    if (!lane.isBusy) this.#ready.add(name);
    this.#work();
  }

  /** @returns when nothing waits or is being delivered */
  idle(): Promise<void> {
    if (this.#waiting + this.#busy === 0) return Promise.resolve();
    return new Promise(resolve => this.#idle.push(resolve));
  }

  /** Forgets what waits. @returns how many alerts that was */
  clear(): number {
    const count = this.#waiting;
    this.#waiting = 0;
    this.#ready.clear();
    for (const lane of this.#lanes.values()) lane.waiting.length = 0;
    return count;
  }

  #work(): void {
    for (const name of this.#ready) {
      if (this.#busy >= HOOKS_AT_ONCE) return;
      this.#ready.delete(name);
      void this.#workOn(name);
    }
  }

  async #workOn(name: string): Promise<void> {
    const lane = this.#lanes.get(name);
    const alert = lane?.waiting.shift();
    if (!lane || !alert) return;
    this.#waiting--;
    this.#busy++;
    lane.isBusy = true;
    await this.#deliver(alert);
    lane.isBusy = false;
    this.#busy--;
    if (lane.waiting.length > 0) this.#ready.add(name);
    else this.#lanes.delete(name);
    this.#work();
    if (this.#waiting + this.#busy === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }
}
