import type { Log } from '../common/log.js';
import type { RunningCheck } from './checker/running-check.js';
import { notRunReason } from './checker/running-check.js';
import type { CheckOutcome, Client } from './client/client.js';

/**
 * How long a checker may take for a request. With `release_check = deny` a machine waits for it while it boots;
 * fping gives a silent host up after 4 s and ssh-keyscan after 5 s.
 */
export const RELEASE_CHECK_LIMIT_MS = 10_000;

/** How a check ends that has not ended in time, whatever its processes say when they are told to. */
const NO_ANSWER: CheckOutcome = { kind: 'killed', signal: 15 };

/** Runs the checkers of clients because somebody asks with their keys, and not because they are due. */
export interface ReleaseChecker {
  /**
   * A checker that cannot be run tells nothing, and counts as no answer: the request goes on. To refuse it then would
   * keep every machine from booting once a package is missing, and would not stop a thief: the same checker fails when
   * it is due, so that the client is disabled soon, and a thief who can keep a machine from answering, by its cable,
   * needs no broken checker. The log says it each time.
   * @returns how it ended, or that it has not; never rejects
   */
  checkNow(client: Client): Promise<CheckOutcome>;
  /** Ends those under way. Never rejects. */
  stop(): Promise<void>;
}

/**
 * @param check starts a client's checker
 * @param after runs something once, later; returns what cancels it
 */
export function releaseChecker(
  check: (client: Client) => RunningCheck,
  log: Log,
  after: (delayMs: number, run: () => void) => () => void,
): ReleaseChecker {
  const running = new Set<RunningCheck>();
  /** Told to end, and still there. */
  const ending = new Set<Promise<void>>();
  const end = (run: RunningCheck) => {
    const ended = run.stop().finally(() => ending.delete(ended));
    ending.add(ended);
  };
  return {
    async checkNow(client) {
      const { name } = client.settings;
      const run = check(client);
      running.add(run);
      log.debug(`${name}: checked since its key asks: ${run.command}`);
      let cancel = () => {};
      const late = new Promise<undefined>(resolve => {
        cancel = after(RELEASE_CHECK_LIMIT_MS, () => resolve(undefined));
      });
      const outcome = await Promise.race([run.done, late]);
      cancel();
      running.delete(run);
      if (!outcome) {
        end(run);
        log.debug(`${name}: no answer to the check within ${RELEASE_CHECK_LIMIT_MS / 1000} s`);
        return NO_ANSWER;
      }
      const reason = notRunReason(outcome);
      if (reason !== undefined) {
        log.warning(
          `${name}: whether its machine is up cannot be told, and its request goes on: ${reason}: ${run.command}`,
        );
      }
      return outcome;
    },
    async stop() {
      for (const run of running) end(run);
      await Promise.all(ending);
    },
  };
}
