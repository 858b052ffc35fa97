/** Lets those who add clients take turns: of two at once, neither sees that the other's client has the same key. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs when all who came before are done, also when they failed. */
  take<T>(run: () => Promise<T>): Promise<T> {
    const taken = this.#last.then(run);
    this.#last = taken.catch(() => {});
    return taken;
  }
}
