interface Entry<Key> {
  readonly key: Key;
  dueMs: number;
  /** Where it is in the heap. */
  place: number;
}

/**
 * Keys in the order of when they are due: a binary heap in which each entry knows its place, so that setting or deleting
 * one of 100,000 takes some twenty steps.
 */
export class DueQueue<Key> {
  readonly #heap: Entry<Key>[] = [];
  readonly #entries = new Map<Key, Entry<Key>>();

  /** When the first is due; Infinity when there is none. */
  get nextMs(): number {
    return this.#heap[0]?.dueMs ?? Infinity;
  }

  /** Sets when a key is due, whether it is there already or not. */
  set(key: Key, dueMs: number): void {
    let entry = this.#entries.get(key);
    if (entry) entry.dueMs = dueMs;
    else {
      entry = { key, dueMs, place: this.#heap.length };
      this.#entries.set(key, entry);
    }
    this.#settle(entry);
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    const last = this.#heap.pop();
    if (!last || last === entry) return;
    last.place = entry.place;
    this.#settle(last);
  }

  /** Takes out the first key that is due, or undefined. */
  takeDue(nowMs: number): Key | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.delete(first.key);
    return first.key;
  }

  /** Puts an entry where it belongs, from its place on up or down; the others make room. */
  #settle(entry: Entry<Key>): void {
    while (entry.place > 0) {
      const parent = this.#heap[(entry.place - 1) >> 1];
      if (!parent || parent.dueMs <= entry.dueMs) break;
      this.#exchange(entry, parent);
    }
    for (;;) {
      const child = this.#earlierChild(entry.place);
      if (!child || child.dueMs >= entry.dueMs) break;
      this.#exchange(entry, child);
    }
    this.#heap[entry.place] = entry;
  }

  #earlierChild(place: number): Entry<Key> | undefined {
    const [left, right] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]];
    return left && right && right.dueMs < left.dueMs ? right : left;
  }

  /** Gives the place of an entry that is being settled to the other; that entry itself is put down at the end. */
  #exchange(entry: Entry<Key>, other: Entry<Key>): void {
    const { place } = entry;
    entry.place = other.place;
    other.place = place;
    this.#heap[place] = other;
  }
}
