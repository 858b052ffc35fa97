/** Time as the client's core sees it; handed in, so that a test can be hours long and take none. */
export interface Clock {
  /** Milliseconds from any fixed moment; never goes backwards. */
  nowMs(): number;
  /**
   * Runs once after a delay, or earlier if that is weeks away.
   * @returns cancels it
   */
  after(delayMs: number, run: () => void): () => void;
}

/** What setTimeout takes; it runs at once with more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(delayMs, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};
