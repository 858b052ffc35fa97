import type { Clock } from '../clock.js';

/** Who is asked: us, only others (or nobody any more, with a file left behind), or nobody. */
export type Asking = 'us' | 'others' | 'nobody';

/** How often to look, whatever inotify(7) tells: a question of a dead process is no change in the directory. */
const LOOK_MS = 1000;

/** How long there must be no question before the program ends; the next one starts it again. */
export const QUIET_MS = 2_000;

export interface WaitOptions {
  /** @throws MandosError when it cannot be seen */
  readonly look: () => Asking;
  /** Calls back when it is worth to look again at once. @returns ends that */
  readonly changes: (look: () => void) => () => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Waits until we are asked. Questions for others are waited with: the path unit would start the program again at once,
 * and give up both units after some times (systemd.path(5)).
 * @returns whether we are asked; otherwise nobody asks any more
 * @throws what `look` throws; the signal's reason
 */
export async function waitForQuestion({ look, changes, clock, signal }: WaitOptions): Promise<boolean> {
  signal.throwIfAborted();
  let cancel = () => {};
  let ignoreChanges = () => {};
  let giveUp = () => {};
  let quietSinceMs: number | undefined;
  try {
    return await new Promise<boolean>((resolve, reject) => {
      const lookAgain = () => {
        cancel();
        try {
          const asking = look();
          const nowMs = clock.nowMs();
          quietSinceMs = asking === 'nobody' ? (quietSinceMs ?? nowMs) : undefined;
          if (asking === 'us') resolve(true);
          else if (quietSinceMs !== undefined && nowMs - quietSinceMs >= QUIET_MS) resolve(false);
          else cancel = clock.after(LOOK_MS, lookAgain);
        } catch (error) {
          reject(error);
        }
      };
      giveUp = () => reject(signal.reason as Error);
      signal.addEventListener('abort', giveUp, { once: true });
      ignoreChanges = changes(lookAgain);
      lookAgain();
    });
  } finally {
    signal.removeEventListener('abort', giveUp);
    ignoreChanges();
    cancel();
  }
}
