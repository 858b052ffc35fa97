import type { Client } from './client.js';

/** Releases on their way into the count of their clients, so that two at once do not both get the last one. */
export class ReleasePlaces {
  /** By name. */
  readonly #underWay = new Map<string, number>();

  /** How many releases a client has had since it was enabled, with those that are on their way. */
  taken({ settings: { name }, releasesSinceEnabled }: Client): number {
    return releasesSinceEnabled + (this.#underWay.get(name) ?? 0);
  }

  /** @returns to be called, more than once if need be, when the count has this one or never will */
  take(name: string): () => undefined {
    this.#underWay.set(name, (this.#underWay.get(name) ?? 0) + 1);
    let isUnderWay = true;
    return () => {
      if (!isUnderWay) return;
      isUnderWay = false;
      const others = (this.#underWay.get(name) ?? 1) - 1;
      if (others > 0) this.#underWay.set(name, others);
      else this.#underWay.delete(name);
    };
  }
}
