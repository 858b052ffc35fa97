import { counted } from '../../common/counted.js';
import type { Log } from '../../common/log.js';

/** That checks do not wait any more is said when none had to for so long: at the limit some do every other moment. */
const QUIET_MS = 60_000;

/** Who waits for a place. */
interface Waiting {
  readonly begin: (release: () => void) => void;
  readonly sinceMs: number;
}

/**
 * Places for the processes that check clients: no more of them at once than `max_checkers`, however many clients there
 * are and however many of their checkers hang. Who comes when all are taken waits, and the first come is the first to
 * begin; an fping for many clients takes one place, as a shell for one client does.
 *
 * A client is being checked while its check waits, and its time goes on: the wait is to it as a checker that is slow by
 * as much. It is disabled if its time is up before the check has ended, and its place in the queue is then free. Checks
 * are an `interval` apart and clients have a `timeout` of several of them, so that it takes a queue of minutes to get
 * there. That happens when hundreds of checkers hang; each of them ends when the time of its own client is up, at the
 * latest. That checks wait is therefore a warning.
 */
export class CheckerSlots {
  readonly #log: Log;
  readonly #max: () => number;
  readonly #nowMs: () => number;
  readonly #queue = new Set<Waiting>();
  #taken = 0;
  #isFilling = false;
  /** What the log has not said the end of. */
  #heldUp: { count: number; longestMs: number; lastMs: number } | undefined;

  /**
   * @param max how many at once, as it is now. A higher one is in effect when the next check comes or ends
   * @param nowMs milliseconds of any origin, never going back
   */
  constructor(log: Log, max: () => number, nowMs: () => number = () => performance.now()) {
    this.#log = log;
    this.#max = max;
    this.#nowMs = nowMs;
  }

  /**
   * Begins something in a place, now or when there is one.
   * @param begin told how to give the place back; must not throw
   * @returns gives up waiting; does nothing once it has begun
   */
  take(begin: (release: () => void) => void): () => void {
    const waiting = { begin, sinceMs: this.#nowMs() };
    this.#queue.add(waiting);
    this.#fill();
    if (this.#queue.has(waiting)) this.#sayHeldUp();
    else this.#sayIfOver();
    return () => this.#queue.delete(waiting);
  }

  #fill(): void {
    // What ends as it begins gives its place back in the midst of this, which then goes on.
    if (this.#isFilling) return;
    this.#isFilling = true;
    for (const waiting of this.#queue) {
      if (this.#taken >= this.#max()) break;
      this.#queue.delete(waiting);
      this.#taken++;
      this.#begin(waiting);
    }
    this.#isFilling = false;
  }

  #begin({ begin, sinceMs }: Waiting): void {
    if (this.#heldUp) this.#heldUp.longestMs = Math.max(this.#heldUp.longestMs, this.#nowMs() - sinceMs);
    let isReleased = false;
    begin(() => {
      if (isReleased) return;
      isReleased = true;
      this.#taken--;
      this.#fill();
      this.#sayIfOver();
    });
  }

  #sayHeldUp(): void {
    const lastMs = this.#nowMs();
    if (this.#heldUp) {
      this.#heldUp.count++;
      this.#heldUp.lastMs = lastMs;
      return;
    }
    this.#heldUp = { count: 1, longestMs: 0, lastMs };
    const now = counted(this.#taken, 'checker');
    this.#log.warning(`checks wait for others to end, with ${now} at once (max_checkers): do some hang?`);
  }

  #sayIfOver(): void {
    if (!this.#heldUp || this.#queue.size > 0 || this.#nowMs() - this.#heldUp.lastMs < QUIET_MS) return;
    const { count, longestMs } = this.#heldUp;
    this.#heldUp = undefined;
    const longest = `${Math.ceil(longestMs / 1000)} s`;
    this.#log.info(`checks do not wait for others any more; ${count} did, up to ${longest}`);
  }
}
