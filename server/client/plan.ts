import type { Client } from './client.js';
import type { ClientEvent, Origin } from './events.js';
import type { Registry, Transition } from './registry.js';
import type { StoreBatch } from './store.js';

/** A part of a decision. */
export type Change =
  | {
      readonly kind: 'update';
      readonly name: string;
      readonly transition: Transition;
      /** What has happened, if the transition has changed something. */
      readonly event?: (client: Client, before: Client) => ClientEvent | undefined;
    }
  | { readonly kind: 'add'; readonly client: Client; readonly by: Origin }
  | { readonly kind: 'remove'; readonly name: string; readonly by: Origin };

/** One change, worked out: what it makes of what. */
export interface Step {
  readonly change: Change;
  readonly before: Client | undefined;
  readonly next: Client | undefined;
}

/** What decisions make of the clients, before anything holds. */
export class Plan {
  readonly steps: readonly Step[];
  readonly #registry: Registry;
  readonly #dirty: ReadonlySet<string>;
  readonly #next = new Map<string, Client | undefined>();
  readonly #forget = new Set<string>();
  readonly #removed = new Map<string, Client>();

  /** @param dirty who is not in the store as it is: a decision that finds nothing to change is not stored either */
  constructor(registry: Registry, changes: readonly Change[], dirty: ReadonlySet<string>) {
    this.#registry = registry;
    this.#dirty = dirty;
    this.steps = changes.map(change => this.#work(change));
  }

  has(name: string): boolean {
    return this.#next.has(name);
  }

  /** What becomes of those that change. */
  get results(): ReadonlyMap<string, Client | undefined> {
    return this.#next;
  }

  batch(flushed: Pick<StoreBatch, 'saved' | 'forgotten'>): StoreBatch {
    const saved: Client[] = [...flushed.saved];
    for (const next of this.#next.values()) if (next) saved.push(next);
    return {
      saved,
      removed: [...this.#removed.values()],
      forgotten: [...flushed.forgotten, ...this.#forget],
    };
  }

  #work(change: Change): Step {
    const name = nameOf(change);
    const before = this.has(name) ? this.#next.get(name) : this.#registry.find(name);
    const next = nextOf(change, before);
    if (before !== next || this.#dirty.has(name)) this.#next.set(name, next);
    if (change.kind === 'remove' && before) {
      // It cannot come back by itself when the configuration does not name it, or no longer.
      if (change.by.kind === 'configuration' || !before.configured) this.#forget.add(name);
      else this.#removed.set(name, before);
    } else if (next && change.kind === 'add') {
      this.#forget.delete(name);
      this.#removed.delete(name);
    }
    return { change, before, next };
  }
}

/** Whom a change is of. */
export function nameOf(change: Change): string {
  return change.kind === 'add' ? change.client.settings.name : change.name;
}

/** What a change makes of a client. */
export function nextOf(change: Change, before: Client | undefined): Client | undefined {
  switch (change.kind) {
    case 'add':
      return change.client;
    case 'remove':
      return undefined;
    case 'update':
      return before && change.transition(before);
  }
}
