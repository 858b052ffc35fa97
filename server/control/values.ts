import type { CheckOutcome } from '../client/client.js';

/** LastCheckerStatus of a client that has not been checked, and of one whose checker was killed. */
const NEVER_CHECKED = -2;
const KILLED = -1;

const DAY_MS = 24 * 3600 * 1000;
const TWO_DIGITS = Array.from({ length: 60 }, (_, i) => String(i).padStart(2, '0'));

/** The date of the last time that was formatted, `2026-11-21T`: a listing has thousands of times of a few days. */
let lastDay = Number.NaN;
let lastDate = '';

/**
 * A time as D-Bus clients of Mandos read it: ISO 8601 in UTC without a zone, always with six digits of a fraction.
 * @param ms since the Unix epoch; undefined for a time that has not come
 * @returns '' for undefined
 */
export function formatTime(ms: number | undefined): string {
  if (ms === undefined) return '';
  const day = Math.floor(ms / DAY_MS);
  if (day !== lastDay) {
    lastDate = new Date(day * DAY_MS).toISOString().slice(0, -'00:00:00.000Z'.length);
    lastDay = day;
  }
  const ofDayMs = ms - day * DAY_MS;
  const wholeS = Math.floor(ofDayMs / 1000);
  const [hours, minutes, seconds] = [Math.floor(wholeS / 3600), Math.floor(wholeS / 60) % 60, wholeS % 60];
  const microseconds = Math.floor((ofDayMs - wholeS * 1000) * 1000);
  const time = `${TWO_DIGITS[hours]}:${TWO_DIGITS[minutes]}:${TWO_DIGITS[seconds]}`;
  return `${lastDate}${time}.${String(microseconds).padStart(6, '0')}`;
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
