import type { Log } from '../../common/log.js';
import { TokenBucket } from '../../common/token-bucket.js';

/** Lines at once: more than an operator reads, who looks why a service has another name. */
const LINES = 20;
/** One more in this time. */
const ONE_MORE_MS = 60_000;

/** Warns of who claims a service's name. Anybody on the link can claim it, as often as he likes. */
export class NameLog {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #lines: TokenBucket;
  #hidden = 0;

  /** @param nowMs the clock: milliseconds of any origin, never going back */
  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
    this.#lines = new TokenBucket(1000 / ONE_MORE_MS, LINES, nowMs());
  }

  warning(line: string): void {
    if (!this.#lines.take(this.#nowMs())) {
      this.#hidden++;
      this.#log.debug(line);
      return;
    }
    const hidden = this.#hidden === 0 ? '' : ` (and ${this.#hidden} lines like this before)`;
    this.#hidden = 0;
    this.#log.warning(`${line}${hidden}`);
  }
}
