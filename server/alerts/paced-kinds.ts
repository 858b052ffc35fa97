import { Paced } from './paced.js';

/** Paces the items of each kind by themselves (Paced). Of a kind that is quiet, nothing is kept. */
export class PacedKinds<Item> {
  readonly #kinds = new Map<string, Paced<Item>>();
  readonly #make: (kind: string) => Paced<Item>;

  /** @param pauseMs and the others: see Paced */
  constructor(
    pauseMs: number,
    after: (delayMs: number, run: () => void) => () => void,
    pass: (item: Item, count: number) => void,
  ) {
    this.#make = kind => new Paced(pauseMs, after, pass, () => this.#kinds.delete(kind));
  }

  /** How many kinds are not quiet. */
  get size(): number {
    return this.#kinds.size;
  }

  add(kind: string, item: Item): void {
    let paced = this.#kinds.get(kind);
    if (!paced) this.#kinds.set(kind, (paced = this.#make(kind)));
    paced.add(item);
  }

  /** Passes on what waits, and nothing later by itself. */
  flush(): void {
    for (const paced of this.#kinds.values()) paced.flush();
    this.#kinds.clear();
  }
}
