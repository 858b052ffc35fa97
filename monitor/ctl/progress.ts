/** Shows how far a long work is. */
export interface Progress {
  /** One more is done. */
  step(): void;
  /** Takes what was shown away. */
  end(): void;
}

/** Shorter work shows nothing. */
const QUIET_MS = 500;
/** Between two numbers. */
const GAP_MS = 100;

/**
 * A line on a terminal that says how many of the things are done.
 * @param write to the terminal; undefined when there is none
 * @param now the clock, in milliseconds
 */
export function createProgress(
  total: number,
  what: string,
  write: ((text: string) => void) | undefined,
  now: () => number = () => performance.now(),
): Progress {
  let done = 0;
  let shownMs: number | undefined;
  let nextMs = now() + QUIET_MS;
  return {
    step() {
      done++;
      if (!write || now() < nextMs) return;
      shownMs = now();
      nextMs = shownMs + GAP_MS;
      write(`\r${done} of ${total} ${what}\x1b[K`);
    },
    end() {
      if (shownMs !== undefined) write?.('\r\x1b[K');
      shownMs = undefined;
    },
  };
}
