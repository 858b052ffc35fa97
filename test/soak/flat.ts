import { median } from '../bench/statistics.js';
import type { Sample } from './samples.js';

/**
 * What the last quarter of a soak may have more than the second: what V8 keeps for later varies by this much. A leak of
 * 100 bytes per release or check would be 50 MB between these quarters.
 */
export const MEMORY_SHARE = 1.1;
export const MEMORY_MB = 16;
/** Of a quarter's samples the least counts, so that little of what is under way does: some connections and an fping. */
export const MORE_DESCRIPTORS = 16;
export const MORE_PROCESSES = 0;

export interface Growth {
  readonly what: string;
  /** In the second quarter; the first warms up. */
  readonly before: number;
  /** In the last. */
  readonly after: number;
  readonly allowed: number;
}

/** How a server's holdings have grown from the second quarter of the samples to the last. */
export function growths(samples: readonly Sample[]): Growth[] {
  const quarter = (n: number) =>
    samples.slice(Math.floor((samples.length * (n - 1)) / 4), Math.floor((samples.length * n) / 4));
  const [second, last] = [quarter(2), quarter(4)];
  const memory = (part: readonly Sample[]) => median(part.map(sample => sample.residentMb));
  const least = (part: readonly Sample[], field: 'descriptors' | 'processes') =>
    Math.min(...part.map(sample => sample[field]));
  const growth = (what: string, before: number, after: number, allowed: number): Growth => ({
    what,
    before,
    after,
    allowed,
  });
  return [
    growth('resident memory, MB', memory(second), memory(last), memory(second) * MEMORY_SHARE + MEMORY_MB),
    growth(
      'descriptors',
      least(second, 'descriptors'),
      least(last, 'descriptors'),
      least(second, 'descriptors') + MORE_DESCRIPTORS,
    ),
    growth(
      'processes',
      least(second, 'processes'),
      least(last, 'processes'),
      least(second, 'processes') + MORE_PROCESSES,
    ),
  ];
}

export function isFlat({ after, allowed }: Growth): boolean {
  return after <= allowed;
}
