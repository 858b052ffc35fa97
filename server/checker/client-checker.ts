import type { Log } from '../../common/log.js';
import { checkerAttribute } from '../client/checker-attributes.js';
import { expandChecker } from '../client/checker-expansion.js';
import type { Client } from '../client/client.js';
import type { ServerLimits } from '../config/limits.js';
import { DEFAULT_LIMITS } from '../config/limits.js';
import { CheckerSlots } from './checker-slots.js';
import { FPING_CHECKER, FpingBatch } from './fping-batch.js';
import type { RunningCheck } from './running-check.js';
import { STOP_GRACE_MS } from './running-check.js';
import { ShellRunner } from './shell-runner.js';

/**
 * What starts the checker of a client: a shell for each, and few fping processes for all that have the default one.
 * Those beyond `maxCheckers` wait for their turn: see CheckerSlots.
 * @param limits as they are now
 */
export function clientChecker(
  log: Log,
  limits: () => Pick<ServerLimits, 'maxCheckers'> = () => DEFAULT_LIMITS,
): (client: Client) => RunningCheck {
  const slots = new CheckerSlots(log, () => limits().maxCheckers);
  const shell = new ShellRunner(log, STOP_GRACE_MS, slots);
  const batch = new FpingBatch(log, shell, slots);
  return client => {
    const { checker, host, name } = client.settings;
    if (checker === FPING_CHECKER) return batch.check(host, name);
    return shell.run(
      expandChecker(checker, attribute => checkerAttribute(client, attribute)),
      name,
    );
  };
}
