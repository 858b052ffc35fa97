const MINUTES_OF_DAY = 24 * 60;

/**
 * The time of day of this machine's time zone, which is read when the process starts.
 * @returns minutes since Monday 00:00, as clocks show them: an hour is skipped or comes twice when summer time changes
 */
export function localMinuteOfWeek(date = new Date()): number {
  const daysSinceMonday = (date.getDay() + 6) % 7;
  return daysSinceMonday * MINUTES_OF_DAY + date.getHours() * 60 + date.getMinutes();
}
