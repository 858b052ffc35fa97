const UNITS = [
  { name: 'd', seconds: 24 * 60 * 60 },
  { name: 'h', seconds: 60 * 60 },
  { name: 'min', seconds: 60 },
  { name: 's', seconds: 1 },
] as const;

/**
 * A duration for people, in its largest unit and the one below it, cut off there: `4 min 10 s`, `3 d 2 h`, `20 s`.
 * @param ms a negative one counts as none
 */
export function durationText(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000));
  const first = UNITS.findIndex(({ seconds }) => rest >= seconds);
  if (first < 0) return '0 s';
  const parts: string[] = [];
  for (const { name, seconds } of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / seconds);
    rest -= count * seconds;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(' ');
}
