/** Tries of one minimisation. */
const TRIES = 3000;

/**
 * Makes an input smaller while it still does the same.
 * @param isSame whether an input does what the first did
 */
export async function minimise(
  input: Buffer,
  isSame: (input: Buffer) => Promise<boolean>,
  tries: number = TRIES,
): Promise<Buffer> {
  let best = input;
  let left = tries;
  const isOver = () => left <= 0;
  const improves = async (candidate: Buffer) => {
    left--;
    if (await isSame(candidate)) best = candidate;
  };
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1 && !isOver();
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = best.length - size; at > -size && !isOver(); at -= size) {
      const from = Math.max(0, at);
      await improves(Buffer.concat([best.subarray(0, from), best.subarray(from + size)]));
    }
  }
  // What matters is easier to see among letters of no meaning.
  for (let at = 0; at < best.length && !isOver(); at++) {
    if (best[at] === 0x61) continue;
    const copy = Buffer.from(best);
    copy[at] = 0x61;
    await improves(copy);
  }
  return best;
}
