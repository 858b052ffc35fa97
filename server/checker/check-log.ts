import type { Log } from '../../common/log.js';
import { isSuccess } from '../client/checks.js';
import type { CheckOutcome, Client } from '../client/client.js';
import { hasFailed } from '../client/expiring.js';
import { fpingFault } from '../client/fping-fault.js';
import type { RunningCheck } from './running-check.js';
import { notRunReason } from './running-check.js';

/** Says in the log how checks have ended. Failures are said when they begin, not each time. */
export class CheckLog {
  readonly #log: Log;
  /** Names of clients of which the log says that their checker cannot be run. */
  readonly #unusable = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param before the client as it was when the check ended */
  ended(check: RunningCheck, outcome: CheckOutcome, before: Client): void {
    const { name } = before.settings;
    const reason = notRunReason(outcome);
    if (isSuccess(outcome)) {
      this.#unusable.delete(name);
      this.#log.debug(`${name}: check succeeded`);
    } else if (reason !== undefined && !check.isExplained && !this.#unusable.has(name)) {
      this.#unusable.add(name);
      this.#log.error(`${name}: check failed: ${reason}: ${check.command}`);
    } else if (reason !== undefined || hasFailed(before)) {
      this.#log.debug(`${name}: check failed again: ${describeOutcome(outcome)}`);
    } else this.#beginsToFail(name, check, outcome);
  }

  /** The client is gone; another may have its name. */
  forget(name: string): void {
    this.#unusable.delete(name);
  }

  #beginsToFail(name: string, { command }: RunningCheck, outcome: CheckOutcome): void {
    const fault = outcome.kind === 'exited' ? fpingFault(command, outcome.status) : undefined;
    if (fault) this.#log.warning(`${name}: check failed: ${fault.cause} (${fault.cure}): ${command}`);
    else this.#log.info(`${name}: check failed: ${describeOutcome(outcome)}: ${command}`);
  }
}

function describeOutcome(outcome: CheckOutcome): string {
  return outcome.kind === 'killed' ? `ended by signal ${outcome.signal}` : `exit status ${outcome.status}`;
}
