import { changeClient, differences } from './client-view.js';
import type { ClientView, PropertyValues } from './client-view.js';

export type ServerStatus =
  /** Nothing is known yet. */
  | { readonly kind: 'connecting' }
  /** There is no message bus. It is tried again. */
  | { readonly kind: 'no-bus'; readonly problem: string }
  /** Nobody owns the server's name. It is noticed when someone does. */
  | { readonly kind: 'no-server' }
  /** A server is there, and its clients are being read. */
  | { readonly kind: 'reading' }
  /** The server's clients could not be read; one line says why. It is tried again. */
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'live' };

export interface MirrorState {
  readonly status: ServerStatus;
  /** By object path, in the server's order; empty unless the status is `live`. */
  readonly clients: ReadonlyMap<string, ClientView>;
}

/** A signal of the server. */
export type ServerSignal =
  | { readonly kind: 'added'; readonly client: ClientView }
  | { readonly kind: 'removed'; readonly path: string }
  | { readonly kind: 'properties'; readonly path: string; readonly values: PropertyValues }
  | { readonly kind: 'client-not-found'; readonly keyId: string; readonly address: string }
  | ({ readonly path: string } & ClientSignal);

/** A signal of a client that changes nothing of its properties. */
type ClientSignal =
  | { readonly kind: 'checker-started'; readonly command: string }
  | {
      readonly kind: 'checker-completed';
      /** -1 when it crashed. */
      readonly exitStatus: number;
      /** As from wait(2). */
      readonly waitStatus: number;
      readonly command: string;
    }
  | { readonly kind: 'got-secret' }
  | { readonly kind: 'need-approval'; readonly timeoutMs: number; readonly approvedByDefault: boolean }
  | { readonly kind: 'rejected'; readonly reason: string };

/** What happens to a mirror. */
export type MirrorMessage =
  | { readonly kind: 'bus-gone'; readonly problem: string }
  /** The server's name has this owner now, or none. What comes from then on is this server's. */
  | { readonly kind: 'owner'; readonly present: boolean }
  | { readonly kind: 'snapshot'; readonly clients: readonly ClientView[] }
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'signal'; readonly signal: ServerSignal };

/** What a person wants to hear of. */
export type MirrorEvent = { readonly atMs: number } & EventKind;

type EventKind =
  | { readonly kind: 'server-live'; readonly clients: number }
  | { readonly kind: 'server-gone' }
  | { readonly kind: 'bus-gone'; readonly problem: string }
  | { readonly kind: 'client-not-found'; readonly keyId: string; readonly address: string }
  | ({ readonly path: string; readonly name: string } & (
      | { readonly kind: 'client-added' | 'client-removed' }
      | {
          readonly kind: 'property';
          readonly property: keyof ClientView;
          readonly before: ClientView[keyof ClientView];
          readonly after: ClientView[keyof ClientView];
        }
      | ClientSignal
    ));

/** What a mirror is between two messages. */
export interface Mirror {
  readonly state: MirrorState;
  /**
   * Signals that came while the clients were being read. A server may make its reply piece by piece, so that they can
   * be newer than it; to apply one that is older does no harm, since the last of its kind is in the reply.
   */
  readonly held: readonly ServerSignal[];
}

export interface MirrorChange {
  readonly state: MirrorState;
  /** Of clients that came, went or changed; undefined: everything may be different. */
  readonly paths: ReadonlySet<string> | undefined;
}

export const EMPTY_MIRROR: Mirror = {
  state: { status: { kind: 'connecting' }, clients: new Map() },
  held: [],
};

export interface Reduction {
  readonly mirror: Mirror;
  /** Undefined when the state is the same. */
  readonly change: MirrorChange | undefined;
  readonly events: readonly MirrorEvent[];
}

/**
 * What a mirror is after some messages. Many at a time, since a new map of thousands of clients for each would be
 * slow.
 * @param nowMs for the events
 */
export function reduce(mirror: Mirror, messages: readonly MirrorMessage[], nowMs: number): Reduction {
  const work = new Work(mirror);
  for (const message of messages) work.take(message);
  return work.finish(nowMs);
}

/** A mirror while messages are applied to it. */
class Work {
  #status: ServerStatus;
  #clients: ReadonlyMap<string, ClientView>;
  #held: ServerSignal[];
  /** `#clients` when it is ours to change. */
  #own: Map<string, ClientView> | undefined;
  #everything = false;
  readonly #paths = new Set<string>();
  readonly #events: EventKind[] = [];

  constructor({ state, held }: Mirror) {
    this.#status = state.status;
    this.#clients = state.clients;
    this.#held = [...held];
  }

  take(message: MirrorMessage): void {
    switch (message.kind) {
      case 'signal':
        if (this.#status.kind === 'reading') this.#held.push(message.signal);
        else if (this.#status.kind === 'live') this.#signal(message.signal);
        return;
      case 'snapshot':
        this.#snapshot(message.clients);
        return;
      case 'bus-gone':
        if (this.#status.kind !== 'no-bus') this.#events.push(message);
        this.#become({ kind: 'no-bus', problem: message.problem });
        return;
      case 'owner':
        if (!message.present && (this.#status.kind === 'live' || this.#status.kind === 'reading'))
          this.#events.push({ kind: 'server-gone' });
        this.#become({ kind: message.present ? 'reading' : 'no-server' });
        return;
      case 'refused':
        this.#become(message);
        return;
    }
  }

  finish(atMs: number): Reduction {
    const state = { status: this.#status, clients: this.#clients };
    const changed = this.#everything || this.#paths.size > 0;
    return {
      mirror: { state, held: this.#held },
      change: changed ? { state, paths: this.#everything ? undefined : this.#paths } : undefined,
      events: this.#events.map(event => ({ atMs, ...event })),
    };
  }

  #become(status: ServerStatus, clients: Map<string, ClientView> = new Map()): void {
    this.#status = status;
    this.#clients = this.#own = clients;
    this.#held = [];
    this.#everything = true;
  }

  #snapshot(clients: readonly ClientView[]): void {
    const held = this.#held;
    this.#become({ kind: 'live' }, new Map(clients.map(client => [client.path, client])));
    this.#events.push({ kind: 'server-live', clients: clients.length });
    for (const signal of held) this.#signal(signal);
  }

  #signal(signal: ServerSignal): void {
    if (signal.kind === 'client-not-found') {
      this.#events.push(signal);
      return;
    }
    const path = signal.kind === 'added' ? signal.client.path : signal.path;
    const client = this.#clients.get(path);
    if (signal.kind === 'added') this.#added(client, signal.client);
    else if (client && signal.kind === 'properties')
      this.#changed(client, changeClient(client, signal.values));
    else if (client && signal.kind === 'removed') this.#removed(client);
    // Of a client that is gone nothing matters any more.
    else if (client && signal.kind !== 'properties' && signal.kind !== 'removed')
      this.#events.push({ name: client.name, ...signal });
  }

  #added(before: ClientView | undefined, client: ClientView): void {
    if (before) {
      this.#changed(before, client);
      return;
    }
    this.#writable().set(client.path, client);
    this.#paths.add(client.path);
    this.#events.push({ kind: 'client-added', path: client.path, name: client.name });
  }

  #removed({ path, name }: ClientView): void {
    this.#writable().delete(path);
    this.#paths.add(path);
    this.#events.push({ kind: 'client-removed', path, name });
  }

  #changed(before: ClientView, after: ClientView): void {
    const { path, name } = after;
    const changed = differences(before, after);
    if (changed.length === 0) return;
    this.#writable().set(path, after);
    this.#paths.add(path);
    for (const property of changed) {
      this.#events.push({
        kind: 'property',
        path,
        name,
        property,
        before: before[property],
        after: after[property],
      });
    }
  }

  #writable(): Map<string, ClientView> {
    this.#clients = this.#own ??= new Map(this.#clients);
    return this.#own;
  }
}
