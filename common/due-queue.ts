/**
 * Keys in the order of when they are due: a binary heap in which each key has one place, so that setting or deleting
 * one of 100,000 takes some twenty steps.
 */
export class DueQueue<Key> {
  readonly #heap: { readonly key: Key; dueMs: number }[] = [];
  readonly #places = new Map<Key, number>();

  /** When the first is due; Infinity when there is none. */
  get nextMs(): number {
    return this.#heap[0]?.dueMs ?? Infinity;
  }

  /** Sets when a key is due, whether it is there already or not. */
  set(key: Key, dueMs: number): void {
    const place = this.#places.get(key) ?? this.#heap.length;
    const entry = this.#heap[place];
    if (entry) entry.dueMs = dueMs;
    else this.#put(place, { key, dueMs });
    this.#settle(place);
  }

  delete(key: Key): void {
    const place = this.#places.get(key);
    const last = this.#heap.at(-1);
    if (place === undefined || last === undefined) return;
    this.#heap.pop();
    this.#places.delete(key);
    if (last.key === key) return;
    this.#put(place, last);
    this.#settle(place);
  }

  /** Takes out the first key that is due, or undefined. */
  takeDue(nowMs: number): Key | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.delete(first.key);
    return first.key;
  }

  #put(place: number, entry: { readonly key: Key; dueMs: number }): void {
    this.#heap[place] = entry;
    this.#places.set(entry.key, place);
  }

  /** Moves the entry at a place up or down to where it belongs. */
  #settle(from: number): void {
    let place = from;
    for (
      let parent = (place - 1) >> 1;
      place > 0 && this.#isBefore(place, parent);
      parent = (place - 1) >> 1
    ) {
      this.#swap(place, parent);
      place = parent;
    }
    for (;;) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      const child = this.#isBefore(right, left) ? right : left;
      if (!this.#isBefore(child, place)) return;
      this.#swap(place, child);
      place = child;
    }
  }

  /** Whether the entry at one place is due before that at another; a place behind the end is never before. */
  #isBefore(a: number, b: number): boolean {
    return (this.#heap[a]?.dueMs ?? Infinity) < (this.#heap[b]?.dueMs ?? Infinity);
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#heap[a], this.#heap[b]];
    if (!first || !second) return;
    this.#put(a, second);
    this.#put(b, first);
  }
}
