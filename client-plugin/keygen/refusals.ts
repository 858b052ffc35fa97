import { describeError, MandosError } from '../../common/errors.js';
import type { Clock } from '../clock.js';
import type { SearchWatcher } from '../obtain.js';
import { describeTarget } from '../server-report.js';
import type { Server, Try } from '../server-tries.js';

/** Reasons that one message gives: a network has a few servers, and anybody can announce more. */
const MAX_REASONS = 5;

export interface RefusalsOptions {
  /** How long to wait for other servers when all that are known have refused. */
  readonly graceMs: number;
  readonly clock: Clock;
  /** All known servers have refused, and no other has come. */
  readonly end: (refused: MandosError) => void;
}

/**
 * Notices when further tries are of no use: each known server has answered, and its answer is not this machine's
 * password. A server that cannot be reached may still come up, so that it is no reason to end.
 */
export class Refusals implements SearchWatcher {
  readonly #options: RefusalsOptions;
  #known: ReadonlySet<string> = new Set();
  readonly #answers = new Map<string, string>();
  #cancel: (() => void) | undefined;

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  serversChanged(servers: readonly Server[]): void {
    this.#known = new Set(servers.map(({ key }) => key));
    for (const key of this.#answers.keys()) if (!this.#known.has(key)) this.#answers.delete(key);
    this.#judge();
  }

  tryFailed({ serverKey, target }: Try, error: unknown): void {
    if (!this.#known.has(serverKey) || !isAnswer(error)) return;
    this.#answers.set(serverKey, `${describeTarget(target)}: ${describeError(error)}`);
    this.#judge();
  }

  /** What the servers have answered, for a message; '' when none has. */
  get reasons(): string {
    const lines = [...this.#answers.values()];
    const more = lines.length > MAX_REASONS ? `; and ${lines.length - MAX_REASONS} more` : '';
    return lines.slice(0, MAX_REASONS).join('; ') + more;
  }

  /** Ends nothing any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #judge(): void {
    if (this.#known.size === 0 || this.#answers.size < this.#known.size) {
      this.stop();
      return;
    }
    const { clock, graceMs, end } = this.#options;
    this.#cancel ??= clock.after(graceMs, () =>
      end(new MandosError('TEST_REFUSED', `no server gave the password: ${this.reasons}`)),
    );
  }
}

/** Codes of fetching and decrypting that another try does not change. */
function isAnswer(error: unknown): boolean {
  return error instanceof MandosError && /^(FETCH_(REFUSED|TOO_LARGE)$|DECRYPT_)/.test(error.code);
}
