import { quote } from '../../common/config-fault.js';

/**
 * When a client may have its secret: `Mon-Fri 08:00-18:00, Sat,Sun 10:00-12:00`. Each time is of the days before it, up
 * to the time before that; without any day in the whole text, each is of every day. A time that ends before it begins
 * ends on the next day, and belongs to the day on which it begins. What is read is written in one form only, so that
 * two texts that mean the same are the same.
 */

/** Enough for an hour of each day with its own times; each request goes through all of them. */
const MAX_WINDOWS = 100;

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const MINUTES_OF_DAY = 24 * 60;
export const MINUTES_OF_WEEK = DAYS.length * MINUTES_OF_DAY;

/** A part between two commas: a day or some days in a row, a time, or a day with a time. */
const PART = /^(?:([a-z]{3})(?:\s*-\s*([a-z]{3}))?)?(?:(?:^|\s+)(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d))?$/i;

/** Of a day: from minute `begin` to before minute `end` after its midnight; `end` may be on the next day. */
interface Window {
  /** 0 for Monday. */
  readonly days: ReadonlySet<number>;
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads the option `release_window` (mandos-clients.conf(5)).
 * @returns its text in the form that releaseWindowAt() takes, or what is wrong with it
 */
export function parseReleaseWindow(text: string): { readonly value: string } | { readonly problem: string } {
  const parsed = parseWindows(text);
  return 'problem' in parsed ? parsed : { value: parsed.windows.map(formatWindow).join(', ') };
}

/**
 * Whether a window is open.
 * @param text as parseReleaseWindow() writes it
 * @param minuteOfWeek local time, in minutes since Monday 00:00
 * @returns true, or when the next one begins: `Mon 08:00`
 */
export function releaseWindowAt(text: string, minuteOfWeek: number): true | { readonly nextBegin: string } {
  if (text === '') return true;
  const parsed = parseWindows(text);
  // Nobody but the parser has written it; should that be wrong, nothing is released.
  if ('problem' in parsed) return { nextBegin: 'never' };
  let waitMinutes = Infinity;
  for (const { days, begin, end } of parsed.windows) {
    for (const day of days) {
      const beginOfWeek = day * MINUTES_OF_DAY + begin;
      const sinceBegin = (minuteOfWeek - beginOfWeek + MINUTES_OF_WEEK) % MINUTES_OF_WEEK;
      if (sinceBegin < end - begin) return true;
      waitMinutes = Math.min(waitMinutes, MINUTES_OF_WEEK - sinceBegin);
    }
  }
  const next = (minuteOfWeek + waitMinutes) % MINUTES_OF_WEEK;
  return { nextBegin: `${DAYS[Math.floor(next / MINUTES_OF_DAY)]} ${formatMinute(next % MINUTES_OF_DAY)}` };
}

function parseWindows(text: string): { windows: Window[] } | { problem: string } {
  if (text.trim() === '') return { windows: [] };
  const windows: Window[] = [];
  let days = new Set<number>();
  let withoutDays = '';
  for (const each of text.split(',')) {
    const part = each.trim().replaceAll(/\s+/g, ' ');
    const match = PART.exec(part);
    if (part === '' || !match) return { problem: problemOf(part, 'is not "[DAYS ]HH:MM-HH:MM"') };
    const [, firstDay, lastDay = firstDay, ...times] = match;
    if (firstDay !== undefined && lastDay !== undefined) {
      const [first, last] = [dayOf(firstDay), dayOf(lastDay)];
      if (first < 0 || last < 0) {
        return { problem: problemOf(part, `has a day that there is not (allowed: ${DAYS.join(', ')})`) };
      }
      for (let day = first; ; day = (day + 1) % DAYS.length) {
        days.add(day);
        if (day === last) break;
      }
    }
    if (times[0] === undefined) continue;
    const time = parseTimes(times.map(Number));
    if ('problem' in time) return { problem: problemOf(part, time.problem) };
    if (days.size === 0) withoutDays = part;
    windows.push({ ...time, days });
    days = new Set();
  }
  if (days.size > 0) return { problem: 'ends with days that have no time (write "DAYS HH:MM-HH:MM")' };
  if (windows.length > MAX_WINDOWS) return { problem: `has more than ${MAX_WINDOWS} times` };
  if (withoutDays === '') return { windows };
  // Whoever writes "Mon-Fri 08:00-12:00, 14:00-18:00" may mean the second of Mon-Fri too, or of every day.
  if (windows.some(window => window.days.size > 0)) {
    return { problem: problemOf(withoutDays, 'has no days, and others have (Mon-Sun is every day)') };
  }
  const every = new Set(DAYS.keys());
  return { windows: windows.map(window => ({ ...window, days: every })) };
}

function parseTimes([beginHour = 0, beginMinute = 0, endHour = 0, endMinute = 0]: readonly number[]):
  { begin: number; end: number } | { problem: string } {
  const begin = beginHour * 60 + beginMinute;
  const end = endHour * 60 + endMinute;
  if (beginMinute > 59 || endMinute > 59 || begin >= MINUTES_OF_DAY || end > MINUTES_OF_DAY) {
    return { problem: 'has a time that no day has (allowed: 00:00 to 23:59, and 24:00 as an end)' };
  }
  if (begin === end) return { problem: 'is no time at all (00:00-24:00 is the whole day)' };
  return { begin, end: end < begin ? end + MINUTES_OF_DAY : end };
}

function formatWindow({ days, begin, end }: Window): string {
  const time = `${formatMinute(begin)}-${formatMinute(end > MINUTES_OF_DAY ? end - MINUTES_OF_DAY : end)}`;
  return `${formatDays(days)} ${time}`;
}

/** Three days and more in a row as from the first to the last of them. */
function formatDays(days: ReadonlySet<number>): string {
  if (days.size === DAYS.length) return 'Mon-Sun';
  const texts: string[] = [];
  for (const day of [...days].toSorted((a, b) => a - b)) {
    if (days.has(day - 1)) continue;
    let last = day;
    while (days.has(last + 1)) last++;
    const row = DAYS.slice(day, last + 1);
    if (row.length > 2) texts.push(`${row[0]}-${row.at(-1)}`);
    else texts.push(...row);
  }
  return texts.join(',');
}

function formatMinute(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

function dayOf(text: string): number {
  return DAYS.findIndex(day => day.toLowerCase() === text.toLowerCase());
}

function problemOf(part: string, problem: string): string {
  return `${quote(part)} ${problem}`;
}
