import type { Bus } from '../../common/dbus/bus.js';
import { systemBusAddress } from '../../common/dbus/bus.js';
import { keepConnected } from '../../common/dbus/keep-connected.js';
import { describeError } from '../../common/errors.js';
import { readClient } from './client-view.js';
import { SERVER_NAME } from './mandos-names.js';
import type { WritableProperty } from './mandos-names.js';
import { EMPTY_MIRROR, reduce } from './mirror.js';
import type { MirrorChange, MirrorEvent, MirrorMessage, MirrorState } from './mirror.js';
import { callClient, callServer, readClients, ServerUnavailable, setProperty } from './server-calls.js';
import { SNAPSHOT_LIMIT_BYTES } from './server-calls.js';
import { readSignal } from './signals.js';

/** A server whose clients could not be read is asked again after this time: a policy may have been changed. */
const REREAD_MS = 10_000;

/** A Mandos server as it is, for as long as one looks. */
export interface WatchedServer {
  state(): MirrorState;
  /**
   * Hears of changes. Messages that arrived together are one change.
   * @returns the function that ends it
   */
  onChange(listener: (change: MirrorChange) => void): () => void;
  /** Hears of events, after the change that came with them. */
  onEvent(listener: (event: MirrorEvent) => void): () => void;
  /**
   * Calls a method of a client's object.
   * @throws MandosError as `set` and `callServer`: one line for people
   */
  call(
    path: string,
    member: string,
    signature?: string,
    body?: readonly unknown[],
  ): Promise<readonly unknown[]>;
  /** Calls a method of the server's object. */
  callServer(member: string, signature?: string, body?: readonly unknown[]): Promise<readonly unknown[]>;
  /** Sets a client's property by its D-Bus name; durations as milliseconds. */
  set(path: string, property: WritableProperty, value: string | boolean | number | Uint8Array): Promise<void>;
  close(): void;
}

export interface WatchOptions {
  /** Of the message bus. Default: the system's. */
  readonly address?: string;
  /** Told of a message that could not be read. */
  readonly onFault?: (reason: string) => void;
}

/** Follows the server until closed, through restarts of the server and of the message bus. */
export function watchServer(options: WatchOptions = {}): WatchedServer {
  return new Watch(options);
}

class Watch implements WatchedServer {
  readonly #connection: { close(): void };
  readonly #onFault: (reason: string) => void;
  readonly #changeListeners = new Set<(change: MirrorChange) => void>();
  readonly #eventListeners = new Set<(event: MirrorEvent) => void>();
  #mirror = EMPTY_MIRROR;
  #messages: MirrorMessage[] = [];
  #flush: NodeJS.Immediate | undefined;
  #reread: NodeJS.Timeout | undefined;
  #bus: Bus | undefined;
  /** Counts the servers, so that what was asked of one before this is not taken for this one's. */
  #turn = 0;
  #closed = false;

  constructor({ address = systemBusAddress(), onFault = () => {} }: WatchOptions) {
    this.#onFault = onFault;
    this.#connection = keepConnected(
      bus => void this.#use(bus),
      error => this.#unavailable(error),
      address,
      { messageLimitBytes: SNAPSHOT_LIMIT_BYTES, onFault },
    );
  }

  state(): MirrorState {
    return this.#mirror.state;
  }

  onChange(listener: (change: MirrorChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onEvent(listener: (event: MirrorEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  async call(...[path, member, signature, body]: Parameters<WatchedServer['call']>) {
    return await callClient(this.#connected(), path, member, signature, body);
  }

  async callServer(...[member, signature, body]: Parameters<WatchedServer['callServer']>) {
    return await callServer(this.#connected(), member, signature, body);
  }

  async set(...[path, property, value]: Parameters<WatchedServer['set']>): Promise<void> {
    await setProperty(this.#connected(), path, property, value);
  }

  close(): void {
    this.#closed = true;
    this.#turn++;
    clearTimeout(this.#reread);
    clearImmediate(this.#flush);
    this.#connection.close();
  }

  #connected(): Bus {
    if (this.#bus) return this.#bus;
    throw new ServerUnavailable('NO_BUS', 'there is no connection to the D-Bus message bus');
  }

  #unavailable(error: unknown): void {
    this.#bus = undefined;
    this.#turn++;
    clearTimeout(this.#reread);
    this.#take({ kind: 'bus-gone', problem: describeError(error) });
  }

  async #use(bus: Bus): Promise<void> {
    this.#bus = bus;
    let unhear: (() => void) | undefined;
    try {
      await bus.onOwner(SERVER_NAME, owner => {
        unhear?.();
        unhear = undefined;
        const turn = ++this.#turn;
        clearTimeout(this.#reread);
        this.#take({ kind: 'owner', present: owner !== undefined });
        if (owner === undefined) return;
        const isCurrent = () => this.#turn === turn;
        void this.#follow(bus, owner, isCurrent, end => {
          if (isCurrent()) unhear = end;
          else end();
        });
      });
    } catch (error) {
      // It is connected again, as when the bus goes away.
      if (!bus.gone.aborted) this.#onFault(describeError(error));
      bus.close();
    }
  }

  /** Hears the signals first and reads the clients then, so that nothing is missed in between. */
  async #follow(
    bus: Bus,
    owner: string,
    isCurrent: () => boolean,
    onHearing: (end: () => void) => void,
  ): Promise<void> {
    try {
      const unhear = await bus.onSignal({ sender: owner }, signal => {
        const read = isCurrent() ? readSignal(signal) : undefined;
        if (read) this.#take({ kind: 'signal', signal: read });
      });
      onHearing(unhear);
      await this.#read(bus, isCurrent);
    } catch (error) {
      if (isCurrent()) this.#take({ kind: 'refused', problem: describeError(error) });
    }
  }

  async #read(bus: Bus, isCurrent: () => boolean): Promise<void> {
    try {
      const clients = await readClients(bus);
      if (!isCurrent()) return;
      this.#take({
        kind: 'snapshot',
        clients: Array.from(clients, ([path, values]) => readClient(path, values)),
      });
    } catch (error) {
      if (!isCurrent()) return;
      this.#take({ kind: 'refused', problem: describeError(error) });
      this.#reread = setTimeout(() => {
        this.#take({ kind: 'owner', present: true });
        void this.#read(bus, isCurrent);
      }, REREAD_MS);
    }
  }

  #take(message: MirrorMessage): void {
    if (this.#closed) return;
    this.#messages.push(message);
    this.#flush ??= setImmediate(() => this.#reduce());
  }

  #reduce(): void {
    this.#flush = undefined;
    const messages = this.#messages;
    this.#messages = [];
    const { mirror, change, events } = reduce(this.#mirror, messages, Date.now());
    this.#mirror = mirror;
    if (change) for (const listener of this.#changeListeners) listener(change);
    for (const event of events) for (const listener of this.#eventListeners) listener(event);
  }
}
