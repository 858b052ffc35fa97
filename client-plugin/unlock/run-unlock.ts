import { describeError } from '../../common/errors.js';
import { disableCoreDumps } from '../../common/libc.js';
import type { Log } from '../../common/log.js';
import { systemClock } from '../clock.js';
import type { Cryptroot } from './cryptroot.js';
import type { Obtain } from './password-search.js';
import { unlockVolumes } from './unlock-volumes.js';

/** What the machine's boot waits for, and what is done for it. */
export interface UnlockRun {
  readonly cryptroot: Pick<Cryptroot, 'look' | 'answer'>;
  readonly obtain: Obtain;
  readonly log: Log;
  /** Nobody needs the volumes any more. */
  readonly signal: AbortSignal;
}

/**
 * Unlocks the volumes until all are open, or the signal comes.
 * @returns the exit status: 1 when there can never be a password
 */
export async function runUnlock({ cryptroot, obtain, log, signal }: UnlockRun): Promise<number> {
  disableCoreDumps();
  try {
    await unlockVolumes({
      obtain,
      look: () => cryptroot.look(),
      answer: (question, password) => cryptroot.answer(question, password),
      clock: systemClock,
      log,
      signal,
    });
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    log.error(`no password from a server: ${describeError(error)}`);
    return 1;
  }
}
