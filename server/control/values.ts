import type { CheckOutcome } from '../client/client.js';

/** LastCheckerStatus of a client that has not been checked, and of one whose checker was killed. */
const NEVER_CHECKED = -2;
const KILLED = -1;

/**
 * A time as D-Bus clients of Mandos read it: ISO 8601 in UTC without a zone, always with six digits of a fraction.
 * @param ms since the Unix epoch; undefined for a time that has not come
 * @returns '' for undefined
 */
export function formatTime(ms: number | undefined): string {
  if (ms === undefined) return '';
  const microseconds = Math.floor((ms * 1000) % 1000);
  return new Date(ms).toISOString().replace('Z', String(microseconds).padStart(3, '0'));
}

/** LastCheckerStatus: the exit status of the last check, or one of the numbers that stand for none. */
export function checkerStatus(outcome: CheckOutcome | undefined): number {
  if (!outcome) return NEVER_CHECKED;
  return outcome.kind === 'exited' ? outcome.status : KILLED;
}

/**
 * The wait status of CheckerCompleted. For a checker that a signal has ended this is no status of wait(2): it is the
 * number that the original sends (signal 9 is -247, signal 15 is -241).
 */
export function waitStatus(outcome: CheckOutcome): number {
  return outcome.kind === 'exited' ? outcome.status * 256 : outcome.signal - 256;
}
