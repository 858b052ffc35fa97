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
}

/**
 * Unlocks the volumes until all are open, or a signal comes.
 * @returns the exit status: 1 when there can never be a password
 */
export async function runUnlock({ cryptroot, obtain, log }: UnlockRun): Promise<number> {
  disableCoreDumps();
  const stop = new AbortController();
  const forget = onStopSignals(() => stop.abort());
  try {
    await unlockVolumes({
      obtain,
      look: () => cryptroot.look(),
      answer: (question, password) => cryptroot.answer(question, password),
      clock: systemClock,
      log,
      signal: stop.signal,
    });
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    log.error(`no password from a server: ${describeError(error)}`);
    return 1;
  } finally {
    forget();
  }
}

/**
 * Runs something at the first signal that asks the program to end; the second one ends it at once.
 * @returns forgets it
 */
export function onStopSignals(stop: () => void): () => void {
  let isStopping = false;
  const listener = () => {
    if (isStopping) process.exit(1);
    isStopping = true;
    stop();
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
