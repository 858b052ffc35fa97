import { SEND_LIMIT_BYTES } from './message.js';

/** What is encoded in one piece of memory: some hundred objects. */
export const PART_BYTES = 256 * 1024;
/** Room for the last object of a part. */
const PART_CAPACITY_BYTES = PART_BYTES + 16 * 1024;
/** Enough for the longest message. */
const SPARE_MAX = SEND_LIMIT_BYTES / PART_BYTES;
/** Who asks for all objects asks again soon, or not at all. */
const KEPT_MS = 10_000;

/**
 * The memory of lists that have been sent, kept for a while for the next one: 20 MB that come and go with each list of
 * 10,000 clients would have the collector search the whole heap twice each time, in which nothing else goes on.
 */
const spare: Buffer[] = [];
let timer: NodeJS.Timeout | undefined;

export function takePart(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(PART_CAPACITY_BYTES);
}

/** @param parts which nobody uses any more */
export function giveBackParts(parts: readonly Buffer[]): void {
  for (const part of parts)
    if (part.length === PART_CAPACITY_BYTES && spare.length < SPARE_MAX) spare.push(part);
  clearTimeout(timer);
  timer = setTimeout(() => (spare.length = 0), KEPT_MS);
  timer.unref();
}
