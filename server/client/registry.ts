import type { Client } from './client.js';

/** Hears of each change of a client, at once and in order. */
export type ClientListener = (client: Client, before: Client) => void;

/** All clients as they are now, found by name and by key ID. */
export class Registry {
  readonly #byName = new Map<string, Client>();
  readonly #nameByKeyId = new Map<string, string>();
  readonly #listeners: ClientListener[] = [];

  /** @param clients with names and key IDs that differ, as the configuration's check makes sure */
  constructor(clients: Iterable<Client>) {
    for (const client of clients) {
      const { name, keyId } = client.settings;
      this.#byName.set(name, client);
      // A client with only a fingerprint is kept for D-Bus and the files; no TLS key can prove to be it.
      if (keyId !== undefined) this.#nameByKeyId.set(keyId, name);
    }
  }

  get size(): number {
    return this.#byName.size;
  }

  find(name: string): Client | undefined {
    return this.#byName.get(name);
  }

  /** @param keyId lower-case hexadecimal */
  findByKeyId(keyId: string): Client | undefined {
    const name = this.#nameByKeyId.get(keyId);
    return name === undefined ? undefined : this.#byName.get(name);
  }

  /**
   * Puts a client into its next state.
   * @param transition one of client.ts; what returns the same client changes nothing
   * @returns the state that holds now; undefined for a name that nobody has
   */
  update(name: string, transition: (client: Client) => Client): Client | undefined {
    const before = this.#byName.get(name);
    if (!before) return undefined;
    const client = transition(before);
    if (client === before) return client;
    this.#byName.set(name, client);
    for (const listener of this.#listeners) listener(client, before);
    return client;
  }

  onChange(listener: ClientListener): void {
    this.#listeners.push(listener);
  }

  [Symbol.iterator](): IterableIterator<Client> {
    return this.#byName.values();
  }
}
