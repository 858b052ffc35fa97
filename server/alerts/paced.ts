/**
 * Passes on what comes in at a bounded rate: the first at once, and of what comes in the pause after that the last, with
 * how many there were, when the pause is over.
 */
export class Paced<Item> {
  readonly #pauseMs: number;
  readonly #after: (delayMs: number, run: () => void) => () => void;
  readonly #pass: (item: Item, count: number) => void;
  readonly #onIdle: () => void;
  #last: Item | undefined;
  #count = 0;
  #cancel: (() => void) | undefined;

  /**
   * @param after runs something later; returns what cancels it
   * @param pass gets an item, and how many it stands for since the last time
   * @param onIdle hears when nothing has come for a pause: a new one would do the same from here on
   */
  constructor(
    pauseMs: number,
    after: (delayMs: number, run: () => void) => () => void,
    pass: (item: Item, count: number) => void,
    onIdle: () => void = () => {},
  ) {
    this.#pauseMs = pauseMs;
    this.#after = after;
    this.#pass = pass;
    this.#onIdle = onIdle;
  }

  add(item: Item): void {
    this.#last = item;
    this.#count++;
    if (!this.#cancel) this.#next();
  }

  /** Passes on what waits, and nothing later by itself. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#take();
  }

  #next(): void {
    this.#cancel = this.#take() ? this.#after(this.#pauseMs, () => this.#next()) : undefined;
    if (!this.#cancel) this.#onIdle();
  }

  #take(): boolean {
    const [item, count] = [this.#last, this.#count];
    this.#last = undefined;
    this.#count = 0;
    if (item === undefined) return false;
    this.#pass(item, count);
    return true;
  }
}
