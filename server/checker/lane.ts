import { expandChecker } from '../client/checker-expansion.js';
import type { CheckOutcome } from '../client/client.js';
import type { RunningCheck } from './running-check.js';
import { STOPPED } from './running-check.js';

/** The checker whose runs can be joined: the default of mandos-clients.conf(5), after start-time expansion. */
export const FPING_CHECKER = 'fping -q -- %(host)s';

/** A check of a client's host by FPING_CHECKER, whoever makes it. */
export class HostCheck implements RunningCheck {
  readonly command: string;
  readonly done: Promise<CheckOutcome>;
  readonly host: string;
  /** The client's. */
  readonly name: string;
  isExplained = false;
  /** What `stop` does: whoever has the check in hand sets it. */
  onStop: (() => Promise<void> | void) | undefined;
  #resolve!: (outcome: CheckOutcome) => void;

  constructor(host: string, name: string) {
    this.host = host;
    this.name = name;
    this.command = expandChecker(FPING_CHECKER, () => host);
    this.done = new Promise(resolve => {
      this.#resolve = resolve;
    });
  }

  settle(outcome: CheckOutcome): void {
    this.onStop = undefined;
    this.#resolve(outcome);
  }

  /** For want of a program, which the log has said for all. */
  settleUnusable(outcome: CheckOutcome): void {
    this.isExplained = true;
    this.settle(outcome);
  }

  settleStopped(): void {
    this.settle(STOPPED);
  }

  async stop(): Promise<void> {
    await this.onStop?.();
  }
}

export interface LaneOptions {
  /** How many checks a run may have. */
  readonly runSize: number;
  /** How many runs there may be at once; what comes meanwhile waits, and goes together. */
  readonly runsMax: number;
  /** How long a check waits for others to fill a run with. */
  readonly collectMs: number;
  /** Makes the checks: takes over their `onStop`, and settles each or hands it on. Never rejects. */
  readonly run: (checks: readonly HostCheck[]) => Promise<void>;
}

/** Collects checks into runs. */
export class Lane {
  readonly #options: LaneOptions;
  readonly #waiting = new Set<HostCheck>();
  #runs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  add(check: HostCheck): void {
    this.#waiting.add(check);
    check.onStop = () => {
      this.#waiting.delete(check);
      check.settleStopped();
    };
    this.#plan();
  }

  #plan(): void {
    const { runSize, runsMax, collectMs } = this.#options;
    while (this.#waiting.size >= runSize && this.#runs < runsMax) {
      this.#start();
      // Those that are left have waited for less: they need not go yet.
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    if (this.#timer !== undefined || this.#waiting.size === 0 || this.#runs >= runsMax) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#waiting.size > 0 && this.#runs < runsMax) this.#start();
    }, collectMs);
  }

  #start(): void {
    const checks = [...take(this.#waiting, this.#options.runSize)];
    for (const check of checks) this.#waiting.delete(check);
    this.#runs++;
    void this.#options.run(checks).finally(() => {
      this.#runs--;
      this.#plan();
    });
  }
}

/** The first of them, without a look at the rest: there may be many thousands. */
function* take<T>(from: Iterable<T>, count: number): Iterable<T> {
  let taken = 0;
  for (const item of from) {
    if (taken++ === count) return;
    yield item;
  }
}
