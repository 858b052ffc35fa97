import type { Client } from './client.js';
import type { Origin } from './events.js';
import { ClientEvents } from './events.js';

/** From one state of a client to the next; the same one back changes nothing. May be applied more than once. */
export type Transition = (client: Client) => Client;

/** All clients as they are now, found by name and by key ID. */
export class Registry {
  readonly events = new ClientEvents();
  readonly #byName = new Map<string, Client>();
  readonly #nameByKeyId = new Map<string, string>();

  /** @param clients with names and key IDs that differ, as the configuration's check makes sure */
  constructor(clients: Iterable<Client>) {
    for (const client of clients) this.#put(client);
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
   * @returns the state that holds now; undefined for a name that nobody has
   */
  update(name: string, transition: Transition): Client | undefined {
    const before = this.#byName.get(name);
    if (!before) return undefined;
    const client = transition(before);
    if (client === before) return client;
    if (client.settings.keyId !== before.settings.keyId) this.#forgetKey(before);
    this.#put(client);
    this.events.emit({ kind: 'changed', client, before });
    return client;
  }

  /** @param client with a key ID that nobody else has; who has its name makes way */
  add(client: Client, by: Origin): void {
    this.remove(client.settings.name, by);
    this.#put(client);
    this.events.emit({ kind: 'added', client, by });
  }

  /** @returns what it was; undefined for a name that nobody has */
  remove(name: string, by: Origin): Client | undefined {
    const client = this.#byName.get(name);
    if (!client) return undefined;
    this.#byName.delete(name);
    this.#forgetKey(client);
    this.events.emit({ kind: 'removed', client, by });
    return client;
  }

  [Symbol.iterator](): IterableIterator<Client> {
    return this.#byName.values();
  }

  #put(client: Client): void {
    const { name, keyId } = client.settings;
    this.#byName.set(name, client);
    // A client with only a fingerprint is kept for D-Bus and the files; no TLS key can prove to be it.
    if (keyId !== undefined) this.#nameByKeyId.set(keyId, name);
  }

  /** Clients may have swapped their keys: what is another's by now stays. */
  #forgetKey({ settings: { name, keyId } }: Client): void {
    if (keyId !== undefined && this.#nameByKeyId.get(keyId) === name) this.#nameByKeyId.delete(keyId);
  }
}
