import { Session } from 'node:inspector';
import type { Profiler } from 'node:inspector';

/**
 * Which blocks of some sources have run, by V8's precise coverage. To be started before they are loaded: V8 counts
 * blocks only of what it compiles afterwards.
 */
export class Coverage {
  readonly #session = new Session();
  readonly #isCounted: (url: string) => boolean;
  /** Of each function that has run, by where it stands: which of its characters belong to a block that has run. */
  readonly #functions = new Map<string, Uint8Array>();
  /** Stretches of source that ran for the first time, each together with its neighbours. */
  blocks = 0;

  constructor(isCounted: (url: string) => boolean) {
    this.#isCounted = isCounted;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Adds what has run since the last call. @returns how many blocks are new */
  take(): number {
    const before = this.blocks;
    this.#read((key, now) => this.#add(key, now));
    return this.blocks - before;
  }

  /** Whether something new has run since the last call, which is forgotten. */
  hasNew(): boolean {
    let isNew = false;
    this.#read((key, now) => {
      const seen = this.#functions.get(key);
      isNew ||= now.some((isRun, at) => isRun === 1 && seen?.[at] !== 1);
    });
    return isNew;
  }

  #read(each: (key: string, now: Uint8Array) => void): void {
    // Within the same thread, the answer is there when the call returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      for (const { url, functions } of result) {
        if (!this.#isCounted(url)) continue;
        for (const { ranges } of functions) {
          const [whole] = ranges;
          if (whole && ranges.some(({ count }) => count > 0)) {
            each(`${url}:${whole.startOffset}:${whole.endOffset}`, charactersRun(ranges));
          }
        }
      }
    });
  }

  #add(key: string, now: Uint8Array): void {
    const seen = this.#functions.get(key) ?? new Uint8Array(now.length);
    this.#functions.set(key, seen);
    let isNew = false;
    for (let at = 0; at < now.length; at++) {
      const fresh = now[at] === 1 && seen[at] === 0;
      if (fresh && !isNew) this.blocks++;
      isNew = fresh;
      if (fresh) seen[at] = 1;
    }
  }
}

/** @param ranges a function's, and within it those whose count differs, outer ones first */
function charactersRun(ranges: readonly Profiler.CoverageRange[]): Uint8Array {
  const [start, end] = [ranges[0]?.startOffset ?? 0, ranges[0]?.endOffset ?? 0];
  const run = new Uint8Array(end - start);
  for (const { startOffset, endOffset, count } of ranges) {
    run.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
  }
  return run;
}
