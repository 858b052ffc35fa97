import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Bus } from '../../common/dbus/bus.js';
import type { DbusInterface } from '../../common/dbus/interface-table.js';
import { servedObject } from '../../common/dbus/interface-table.js';
import type { ObjectServer, ObjectTree } from '../../common/dbus/objects.js';
import { serveObjects } from '../../common/dbus/objects.js';
import { SLICE_MS } from '../../common/slice.js';
import type { Client } from '../client/client.js';
import type { ClientEvent } from '../client/events.js';
import { clientObjectPath } from '../client/object-path.js';
import { Announcer } from './announcer.js';
import { CLIENT_NAME } from './names.js';
import type { ObjectPaths } from './object-paths.js';
import type { RootTarget } from './server-interface.js';

/**
 * How long a stop tells which clients are gone, as long as one of 10,000 takes. That the names are free tells the rest,
 * and the stop as a whole has less than a second.
 */
export const FAREWELL_LIMIT_MS = 500;

export interface Interfaces {
  readonly server: readonly [DbusInterface<RootTarget>, DbusInterface<RootTarget>];
  readonly client: readonly [DbusInterface<Client>, DbusInterface<Client>];
}

/** The service on one connection to a bus. */
export class Session {
  readonly #bus: Bus;
  readonly #paths: ObjectPaths;
  readonly #announcer: Announcer;
  #isEnding = false;

  /**
   * Serves the objects at once. Names are for the caller to take, before it tells of anything.
   * @param maxCalls how many calls may be in hand at once, as it is now
   */
  constructor(bus: Bus, interfaces: Interfaces, paths: ObjectPaths, maxCalls?: () => number) {
    this.#bus = bus;
    this.#paths = paths;
    const served = (client: Client) => servedObject(interfaces.client, client);
    const target: RootTarget = { allClientProperties: () => objects.allProperties(paths.all(), CLIENT_NAME) };
    const root = servedObject(interfaces.server, target);
    const tree: ObjectTree = {
      find(path) {
        if (path === '/') return root;
        const client = paths.find(path);
        return client && served(client);
      },
      children: path => paths.children(path),
      managed: () => paths.all(),
    };
    const objects: ObjectServer = serveObjects(bus, tree, maxCalls);
    this.#announcer = new Announcer(objects, interfaces, served);
  }

  tell(event: ClientEvent): void {
    this.#announcer.tell(event);
    if (event.kind !== 'removed') return;
    // Another client may have come to its path before it went.
    const client = this.#paths.find(clientObjectPath(event.client.settings.name));
    if (client) this.#announcer.added(client);
  }

  /** Tells of all clients that are there. */
  async announce(): Promise<void> {
    await this.#ofEach(
      client => this.#announcer.added(client),
      () => this.#isEnding,
    );
  }

  /** Tells that all clients are gone. Never rejects. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const endMs = performance.now() + FAREWELL_LIMIT_MS;
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<void>(resolve => (timer = setTimeout(resolve, FAREWELL_LIMIT_MS)));
    const farewell = this.#ofEach(
      client => this.#announcer.removed(client),
      () => performance.now() >= endMs,
    ).catch(() => {});
    await Promise.race([farewell.then(() => this.#bus.flushed()), limit]);
    clearTimeout(timer);
  }

  /** In slices, between which what was sent leaves the process. */
  async #ofEach(tell: (client: Client) => void, isOver: () => boolean): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    // Those that come later are told of by their events.
    for (const path of Array.from(this.#paths.all())) {
      if (performance.now() >= sliceEnd) {
        await this.#bus.flushed();
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      }
      if (isOver() || this.#bus.gone.aborted) return;
      const client = this.#paths.find(path);
      if (client) tell(client);
    }
  }
}
