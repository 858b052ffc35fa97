import {
  descriptorCount,
  processTree,
  residentMb,
  treeCpuMs,
  unlessEnded,
} from '../bench/process-figures.js';

/** What a server holds at a moment. Checkers come and go, so that they are counted apart. */
export interface Sample {
  /** Checks that were made until then. */
  readonly checks: number;
  readonly releases: number;
  /** Of all processes of the server. What they share counts more than once. */
  readonly residentMb: number;
  /** The sum of what each has had at most so far. */
  readonly peakMb: number;
  readonly descriptors: number;
  readonly processes: number;
  readonly checkers: number;
  readonly cpuMs: number;
}

const CHECKERS = new Set(['fping', 'sh']);

/** @param done what has been asked of the server until now */
export function takeSample(pid: number, done: Pick<Sample, 'checks' | 'releases'>): Sample {
  const tree = processTree(pid);
  const checkers = tree.filter(({ name }) => CHECKERS.has(name)).length;
  // One that is just being started still has its parent's name and memory: rarely, which does not matter to a median.
  const own = tree.flatMap(({ pid: one, name }) => {
    if (CHECKERS.has(name)) return [];
    const figures = unlessEnded(() => ({ ...residentMb(one), descriptors: descriptorCount(one) }));
    return figures ? [figures] : [];
  });
  const sum = (field: 'nowMb' | 'peakMb' | 'descriptors') =>
    own.reduce((total, figures) => total + figures[field], 0);
  return {
    ...done,
    residentMb: sum('nowMb'),
    peakMb: sum('peakMb'),
    descriptors: sum('descriptors'),
    processes: own.length,
    checkers,
    cpuMs: treeCpuMs(pid),
  };
}
