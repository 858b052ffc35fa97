import type { Client } from '../client/client.js';
import type { ClientEvent } from '../client/events.js';
import { clientObjectPath } from '../client/object-path.js';
import type { Registry } from '../client/registry.js';
import { CLIENTS_NODE } from './names.js';

/** Which client is at which object path. */
export class ObjectPaths {
  readonly #registry: Registry;
  readonly #names = new Map<string, string>();

  /** Follows the registry from now on. */
  constructor(registry: Registry) {
    this.#registry = registry;
    for (const client of registry) this.#add(client);
    registry.events.subscribe(event => this.#follow(event));
  }

  find(path: string): Client | undefined {
    const name = this.#names.get(path);
    return name === undefined ? undefined : this.#registry.find(name);
  }

  /** All paths; bears changes while it is gone through. */
  all(): Iterable<string> {
    return this.#names.keys();
  }

  /** Names of the nodes directly beneath a path, for introspection. */
  *children(path: string): Iterable<string> {
    if (path === '/' && this.#names.size > 0) yield CLIENTS_NODE;
    if (path !== `/${CLIENTS_NODE}`) return;
    for (const child of this.#names.keys()) yield child.slice(CLIENTS_NODE.length + 2);
  }

  #follow(event: ClientEvent): void {
    if (event.kind === 'added') this.#add(event.client);
    if (event.kind !== 'removed') return;
    const { name } = event.client.settings;
    const path = clientObjectPath(name);
    // A reload may have put another client there before this one went.
    if (this.#names.get(path) === name) this.#names.delete(path);
  }

  #add({ settings: { name } }: Client): void {
    this.#names.set(clientObjectPath(name), name);
  }
}
