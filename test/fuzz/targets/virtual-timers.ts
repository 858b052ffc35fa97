interface Timer {
  dueMs: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

/** Takes the place of this process's timers, and lets time pass when it is told to. node:test's loses its order here. */
export class VirtualTimers {
  readonly #timers = new Set<Timer>();
  #nowMs = 0;

  constructor() {
    const add = (run: () => void, ms: number, everyMs?: number): Timer => {
      const timer = { dueMs: this.#nowMs + Math.max(1, ms), everyMs, run };
      this.#timers.add(timer);
      return timer;
    };
    const clear = (timer: Timer) => this.#timers.delete(timer);
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms = 1) => add(run, ms),
      setInterval: (run: () => void, ms = 1) => add(run, ms, ms),
      clearTimeout: clear,
      clearInterval: clear,
    });
  }

  /** Forgets all timers; time begins anew. */
  clear(): void {
    this.#timers.clear();
    this.#nowMs = 0;
  }

  /** Runs what is due until then. @param at told of each time at which something is */
  pass(untilMs: number, at: (nowMs: number) => void): void {
    for (;;) {
      const [next] = [...this.#timers].toSorted((a, b) => a.dueMs - b.dueMs);
      if (!next || next.dueMs > untilMs) break;
      this.#nowMs = next.dueMs;
      at(this.#nowMs);
      if (next.everyMs === undefined) this.#timers.delete(next);
      else next.dueMs += Math.max(1, next.everyMs);
      next.run();
    }
    this.#nowMs = untilMs;
    at(untilMs);
  }
}
