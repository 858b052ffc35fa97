import { isSuccess } from './checks.js';
import type { CheckOutcome, Client } from './client.js';
import type { ClientSettings } from './settings.js';

/**
 * How long a result is good for: a client that asks again and again is not checked for each request, and a machine that
 * has come up meanwhile is not taken for one that is down.
 */
export const RELEASE_CHECK_GOOD_MS = 5_000;

/** One run of a client's checker, for all requests of the client at the time. */
export interface ReleaseCheckRun {
  /** Whether the machine has answered. Never rejects. */
  readonly isUp: Promise<boolean>;
  /** Addresses that have asked and that the alarm was raised for. */
  readonly toldOf: Set<string>;
}

interface KnownRun extends ReleaseCheckRun {
  /** As they were; another checker or host is another question. */
  readonly settings: ClientSettings;
}

export interface ReleaseCheckEffects {
  /** @returns cancels it */
  after(delayMs: number, run: () => void): () => void;
  checkNow(client: Client): Promise<CheckOutcome>;
}

/**
 * Asks the checkers of clients whose key is asked with (mandos-clients.conf(5), IMPOSTORS). What they say here changes
 * nothing of a client: a thief who asks again and again would otherwise keep a stolen machine enabled.
 */
export class ReleaseChecks {
  readonly #effects: ReleaseCheckEffects;
  /** By name: under way, or good still. */
  readonly #runs = new Map<string, KnownRun>();

  constructor(effects: ReleaseCheckEffects) {
    this.#effects = effects;
  }

  /** The run under way or the last one, as long as it is good; else a new one. */
  of(client: Client): ReleaseCheckRun {
    const { settings } = client;
    const { name } = settings;
    const known = this.#runs.get(name);
    if (known?.settings === settings) return known;
    const run: KnownRun = {
      settings,
      toldOf: new Set(),
      isUp: this.#effects.checkNow(client).then(outcome => {
        this.#effects.after(RELEASE_CHECK_GOOD_MS, () => {
          if (this.#runs.get(name) === run) this.#runs.delete(name);
        });
        return isSuccess(outcome);
      }),
    };
    this.#runs.set(name, run);
    return run;
  }
}
