/** What setTimeout takes at most; with more it does not wait at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs something once, later; unlike with setTimeout, that may be in years.
 * @returns cancels it
 */
export function after(delayMs: number, run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number) => {
    const more = leftMs - LONGEST_TIMER_MS;
    timer = setTimeout(() => (more > 0 ? arm(more) : run()), Math.min(leftMs, LONGEST_TIMER_MS));
  };
  arm(delayMs);
  return () => clearTimeout(timer);
}
