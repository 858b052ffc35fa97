import { DbusFault } from './errors.js';

/**
 * How many calls are in hand at once: each from its arrival until its reply has been handed to the connection. One that
 * is beyond the limit is refused at once, so that callers of slow methods cannot make the server keep more and more for
 * them. One program has half of it at most: however many calls it makes, others are still served.
 */
export class CallsInHand {
  readonly #max: () => number;
  readonly #bySender = new Map<string, number>();
  #total = 0;

  /** @param max how many, as it is now */
  constructor(max: () => number) {
    this.#max = max;
  }

  /**
   * @param sender the caller's unique name
   * @returns to be called once, when the call is done
   * @throws DbusFault LimitsExceeded
   */
  take(sender: string): () => void {
    const max = this.#max();
    const ofSender = this.#bySender.get(sender) ?? 0;
    if (this.#total >= max || ofSender >= Math.ceil(max / 2)) {
      throw new DbusFault('LimitsExceeded', 'too many calls at once; try again later');
    }
    this.#total++;
    this.#bySender.set(sender, ofSender + 1);
    return () => {
      this.#total--;
      const left = (this.#bySender.get(sender) ?? 1) - 1;
      if (left > 0) this.#bySender.set(sender, left);
      else this.#bySender.delete(sender);
    };
  }
}
