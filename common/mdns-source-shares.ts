import { TokenBucket } from './token-bucket.js';

/**
 * Full frames of one neighbour that are read per second, and at once after a pause. A host that announces itself, answers
 * and defends its name sends less than half of it.
 */
const SOURCE_READS_PER_SECOND = 10;
const SOURCE_READS_BURST = 20;
/** Neighbours told apart: the hosts of a large network. A flood from more made-up addresses is bounded in its sum. */
const SOURCES_LIMIT = 1024;

/** Shares out what is read among neighbours, by their addresses: one who floods takes nothing from the others. */
export class SourceShares {
  /** The one that was heard last is the last. */
  readonly #sources = new Map<string, TokenBucket>();

  /**
   * Takes so much of a neighbour's share, if there is.
   * @param nowMs the clock's reading: milliseconds of any origin, never going back
   */
  take(source: string, nowMs: number, frames: number): boolean {
    const share =
      this.#sources.get(source) ?? new TokenBucket(SOURCE_READS_PER_SECOND, SOURCE_READS_BURST, nowMs);
    this.#sources.delete(source);
    const [longestAgo] = this.#sources.keys();
    if (this.#sources.size >= SOURCES_LIMIT && longestAgo !== undefined) this.#sources.delete(longestAgo);
    this.#sources.set(source, share);
    return share.take(nowMs, frames);
  }
}
