import { quote } from './config-fault.js';

/** The outcome of reading a duration: milliseconds, or what is wrong, ready to stand behind the option's name. */
export type ParsedDuration = { readonly ms: number } | { readonly problem: string };

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;

/** Month and year have no fixed length; the original counts 4 and 52 weeks. */
const DATE_UNITS = { Y: 52 * WEEK_MS, M: 4 * WEEK_MS, D: DAY_MS } as const;
const TIME_UNITS = { H: HOUR_MS, M: MINUTE_MS, S: SECOND_MS } as const;
const OLD_UNITS = { w: WEEK_MS, d: DAY_MS, h: HOUR_MS, m: MINUTE_MS, s: SECOND_MS } as const;

/**
 * The longest duration: a thousand years of 52 weeks. Longer ones would put times such as Expires behind the year
 * 9999, which neither D-Bus clients nor ISO 8601's four digits can express.
 */
export const LONGEST_DURATION_MS = 1000 * DATE_UNITS.Y;

const EXAMPLE = 'PT5M';

/**
 * Reads a duration as mandos-clients.conf(5) allows it: RFC 3339 Appendix A (`P1Y2M3DT4H5M6S`, `P2W`), or the older
 * list of numbers with units (`1w 2d 3h 4m 5s`), which is summed up.
 */
export function parseDuration(text: string): ParsedDuration {
  const ms = parseRfc3339(text) ?? parseOldStyle(text);
  if (ms === undefined) {
    return { problem: `${quote(text)} is not an RFC 3339 duration (try ${suggestion(text)})` };
  }
  if (ms > LONGEST_DURATION_MS) return { problem: `${quote(text)} is too long (allowed: up to P1000Y)` };
  return { ms };
}

/** RFC 3339 Appendix A. The grammar lets no unit between two others be left out: PT1H0M5S, not PT1H5S. */
function parseRfc3339(text: string): number | undefined {
  const match = parts(text);
  if (!match) return undefined;
  const { weeks, date, time } = match;
  if (weeks !== undefined) return Number(weeks) * WEEK_MS;
  if (!hasNoGap(date, 'YMD') || !hasNoGap(time ?? '', 'HMS')) return undefined;
  if (time === '' || (date === '' && time === undefined)) return undefined;
  return sum(date, DATE_UNITS) + sum(time ?? '', TIME_UNITS);
}

function parts(
  text: string,
): { weeks: string | undefined; date: string; time: string | undefined } | undefined {
  const match =
    /^P(?:([0-9]+)W|((?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?)(?:T((?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+S)?))?)$/.exec(
      text,
    );
  return match ? { weeks: match[1], date: match[2] ?? '', time: match[3] } : undefined;
}

function hasNoGap(amounts: string, units: string): boolean {
  return units.includes(amounts.replace(/[0-9]+/g, ''));
}

function sum(amounts: string, unitsMs: Readonly<Record<string, number>>): number {
  let ms = 0;
  for (const [, digits, unit = ''] of amounts.matchAll(/([0-9]+)([A-Za-z])/g)) {
    ms += Number(digits) * (unitsMs[unit] ?? Number.NaN);
  }
  return ms;
}

function parseOldStyle(text: string): number | undefined {
  return /^\s*[0-9]+[wdhms](?:\s+[0-9]+[wdhms])*\s*$/.test(text) ? sum(text, OLD_UNITS) : undefined;
}

/** What the writer probably meant, as a duration that this module accepts. */
function suggestion(text: string): string {
  const upper = text.trim().toUpperCase();
  const ms = parseRfc3339(upper) ?? withGapsFilled(upper) ?? inWords(upper);
  if (ms !== undefined && ms <= LONGEST_DURATION_MS) return formatDuration(ms);
  const [bare] = /(?<=^P?T?)[0-9]{1,9}$/.exec(upper) ?? [];
  return bare === undefined ? EXAMPLE : `PT${bare}M for minutes or PT${bare}S for seconds`;
}

/** PT1H5S and the like, which RFC 3339 does not allow. */
function withGapsFilled(text: string): number | undefined {
  const { date = '', time = '' } = parts(text) ?? {};
  return /[1-9]/.test(date + time) ? sum(date, DATE_UNITS) + sum(time, TIME_UNITS) : undefined;
}

/** "5 min", "90 seconds", "1 day". */
function inWords(text: string): number | undefined {
  const words = /^([0-9]+)\s*(?:WEEKS?|W|DAYS?|D|HOURS?|HRS?|H|MINUTES?|MINS?|M|SECONDS?|SECS?|S)$/;
  const [, digits = ''] = words.exec(text) ?? [];
  const unit = text.slice(digits.length).trim().charAt(0).toLowerCase();
  return digits === '' ? undefined : sum(digits + unit, OLD_UNITS);
}

/**
 * A duration as RFC 3339 writes it, in days and smaller units: PT5M, P1DT12H, PT1H0M5S; zero is PT0S.
 * @param ms not negative. Part of a second becomes a decimal fraction (PT1.5S), which is ISO 8601 only: fit to be
 *   shown, not to be put into a file.
 */
export function formatDuration(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  const hours = Math.floor((ms % DAY_MS) / HOUR_MS);
  const minutes = Math.floor((ms % HOUR_MS) / MINUTE_MS);
  const seconds = (ms % MINUTE_MS) / SECOND_MS;
  const date = days === 0 ? '' : `${days}D`;
  const units = [`${hours}H`, `${minutes}M`, `${seconds}S`];
  const amounts = [hours, minutes, seconds];
  const first = amounts.findIndex(amount => amount !== 0);
  if (first < 0) return date === '' ? 'PT0S' : `P${date}`;
  const last = amounts.findLastIndex(amount => amount !== 0);
  return `P${date}T${units.slice(first, last + 1).join('')}`;
}
