const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const two = (number: number) => String(number).padStart(2, '0');

/** A span of time as `0:04:59`, or `3d 04h` when it is longer than a day; never negative. */
export function clock(ms: number): string {
  const left = Math.max(0, ms);
  const hours = Math.floor(left / HOUR_MS);
  if (hours >= 24) return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
  return `${hours}:${two(Math.floor(left / MINUTE_MS) % 60)}:${two(Math.floor(left / SECOND_MS) % 60)}`;
}

/** A span of time in five cells or six: `4:59`, or `1h 05m` when it is an hour or longer. */
export function shortClock(ms: number): string {
  const left = Math.max(0, ms);
  const minutes = Math.floor(left / MINUTE_MS);
  if (minutes < 60) return `${minutes}:${two(Math.floor(left / SECOND_MS) % 60)}`;
  return minutes < 24 * 60 ? `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m` : clock(left);
}

/** How long ago something was, in one unit; '-' when it never was. */
export function age(atMs: number | undefined, nowMs: number): string {
  if (atMs === undefined) return '-';
  const ms = Math.max(0, nowMs - atMs);
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  return `${Math.floor(ms / DAY_MS)}d`;
}

/** Local time as `14:05:09`. */
export function timeOfDay(atMs: number): string {
  const time = new Date(atMs);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** Local time as `2026-11-21 14:05:09`; '-' when there is none. */
export function dateTime(atMs: number | undefined): string {
  if (atMs === undefined) return '-';
  const time = new Date(atMs);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${timeOfDay(atMs)}`;
}
