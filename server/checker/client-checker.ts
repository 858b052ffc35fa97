import type { Log } from '../../common/log.js';
import { checkerAttribute } from '../client/checker-attributes.js';
import { expandChecker } from '../client/checker-expansion.js';
import type { Client } from '../client/client.js';
import { FPING_CHECKER, FpingBatch } from './fping-batch.js';
import type { RunningCheck } from './running-check.js';
import { ShellRunner } from './shell-runner.js';

/**
 * What starts the checker of a client: a shell for each, and few fping processes for all that have the default one.
 */
export function clientChecker(log: Log): (client: Client) => RunningCheck {
  const shell = new ShellRunner(log);
  const batch = new FpingBatch(log, shell);
  return client => {
    const { checker, host, name } = client.settings;
    if (checker === FPING_CHECKER) return batch.check(host, name);
    return shell.run(
      expandChecker(checker, attribute => checkerAttribute(client, attribute)),
      name,
    );
  };
}
