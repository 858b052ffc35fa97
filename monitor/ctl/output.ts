/** Where a command writes that goes on until nobody reads it any more. */
export interface Output {
  /** Writes to standard output. */
  write(text: string): void;
  /** Says on standard error what is wrong; the command goes on. */
  complain(problem: string): void;
  /** Aborted when nobody reads standard output any more. */
  readonly closed: AbortSignal;
}

/** Standard output, and something else for complaints. */
export function standardOutput(complain: (problem: string) => void): Output {
  const closed = new AbortController();
  // A reader that goes is noticed at the next write, and that is no fault of theirs.
  process.stdout.on('error', () => closed.abort());
  return { write: text => void process.stdout.write(text), complain, closed: closed.signal };
}
