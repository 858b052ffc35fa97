import { constants } from 'node:os';
import type { CheckOutcome } from '../client/client.js';

/** How long a checker that is told to end may take to tidy up: the whole server has a second to stop. */
export const STOP_GRACE_MS = 400;

/** How a check ends that is stopped while it has no process of its own. */
export const STOPPED: CheckOutcome = { kind: 'killed', signal: constants.signals.SIGTERM };

/** A check under way, or one that waits for its turn. */
export interface RunningCheck {
  /** What the shell is given, or would be. */
  readonly command: string;
  /** Never rejects. */
  readonly done: Promise<CheckOutcome>;
  /** Once `done` has settled: the log says already, for all clients at once, why it could not be run. */
  readonly isExplained?: boolean;
  /**
   * Ends the check; `done` settles soon. Does nothing when it has ended.
   * @returns when its processes are gone, or have been killed after STOP_GRACE_MS; never rejects
   */
  stop(): Promise<void>;
}

/** What a shell's status says when it could not run the command (POSIX, sh, EXIT STATUS); undefined for any other. */
export function notRunReason(outcome: CheckOutcome): string | undefined {
  if (outcome.kind !== 'exited') return undefined;
  if (outcome.status === NOT_FOUND) return 'command not found';
  return outcome.status === NOT_EXECUTABLE ? 'command cannot be executed' : undefined;
}

export const NOT_EXECUTABLE = 126;
export const NOT_FOUND = 127;
