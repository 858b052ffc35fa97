import type { DbusInterface, ServedObject } from '../../common/dbus/interface-table.js';
import type { ObjectServer } from '../../common/dbus/objects.js';
import { PROPERTIES } from '../../common/dbus/standard-interfaces.js';
import type { Client } from '../client/client.js';
import type { ClientEvent } from '../client/events.js';
import { clientObjectPath } from '../client/object-path.js';
import type { Refusal } from '../client/release-policy.js';
import type { ClientProperty } from './client-properties.js';
import { CLIENT_PROPERTIES } from './client-properties.js';
import { changedProperties, isAnother } from './property-changes.js';
import { waitStatus } from './values.js';

/** An interface under its name, and under the old one. */
export type Twins = readonly [DbusInterface<never>, DbusInterface<never>];

/** The reasons of Rejected: the original's in its words, then our own. Of an unknown key ClientNotFound tells. */
const REASONS: Readonly<Record<Exclude<Refusal['code'], 'unknown'>, string>> = {
  disabled: 'Disabled',
  denied: 'Denied',
  'approval-timeout': 'Approval timed out',
  'outside-window': 'Outside its release window',
  'too-many-releases': 'Too many releases',
  'too-many-pending': 'Too many requests wait for approval',
  impostor: 'The machine is up',
};

/** Tells of what happens, by signals in the order in which the original sends them. Nothing secret is in any of them. */
export class Announcer {
  readonly #objects: Pick<ObjectServer, 'signal' | 'added' | 'removed'>;
  readonly #server: Twins;
  readonly #client: Twins;
  readonly #served: (client: Client) => ServedObject;

  /** @param served the object of a client, as it was or is */
  constructor(
    objects: Pick<ObjectServer, 'signal' | 'added' | 'removed'>,
    interfaces: { readonly server: Twins; readonly client: Twins },
    served: (client: Client) => ServedObject,
  ) {
    this.#objects = objects;
    this.#server = interfaces.server;
    this.#client = interfaces.client;
    this.#served = served;
  }

  tell(event: ClientEvent): void {
    switch (event.kind) {
      case 'changed':
        return this.#changed(event.client, event.before);
      case 'added':
        return this.added(event.client);
      case 'removed':
        return this.removed(event.client);
      case 'checker-started':
        return this.#ofClient(event.client, 'CheckerStarted', event.command);
      case 'checker-completed': {
        const { client, outcome, command } = event;
        const exitCode = outcome.kind === 'exited' ? outcome.status : -1;
        return this.#ofClient(client, 'CheckerCompleted', exitCode, waitStatus(outcome), command);
      }
      case 'approval-needed': {
        const { approvedByDefault } = event.client.settings;
        return this.#ofClient(event.client, 'NeedApproval', event.delayMs, approvedByDefault);
      }
      case 'released':
        return this.#ofClient(event.client, 'GotSecret');
      case 'refused': {
        const { client, refusal, keyId, peer } = event;
        if (refusal.code !== 'unknown' && client)
          return this.#ofClient(client, 'Rejected', REASONS[refusal.code]);
        return this.#ofServer('ClientNotFound', keyId.toUpperCase(), peer.address);
      }
      case 'enabled':
      case 'disabled':
      case 'settings-changed':
      case 'approved':
      case 'release-interrupted':
      case 'impostor':
      case 'expiring-soon':
        // The change of state has been told, or there is no signal of the original's for it.
        return undefined;
    }
  }

  /** A client is there. */
  added({ settings: { name } }: Client): void {
    const path = clientObjectPath(name);
    this.#objects.added(path);
    this.#ofServer('ClientAdded', path);
  }

  /** A client is gone, or the server is about to be. */
  removed(client: Client): void {
    const { name } = client.settings;
    const path = clientObjectPath(name);
    this.#objects.removed(path, this.#served(client));
    this.#ofServer('ClientRemoved', path, name);
  }

  #changed(client: Client, before: Client): void {
    if (isAnother(client, before)) {
      this.removed(before);
      this.added(client);
      return;
    }
    for (const name of changedProperties(client, before)) this.#propertyChanged(client, name);
  }

  /** With the value that it had then: by now it may have another, of which there will be another signal. */
  #propertyChanged(client: Client, name: ClientProperty): void {
    const path = clientObjectPath(client.settings.name);
    const [{ name: interfaceName }] = this.#client;
    const told = (values: ReadonlyMap<string, unknown>, invalidated: readonly string[]) =>
      this.#objects.signal(path, PROPERTIES, 'PropertiesChanged', interfaceName, values, invalidated);
    if (name === 'Secret') {
      told(new Map(), [name]);
      return;
    }
    const { type, get } = CLIENT_PROPERTIES[name];
    const value = { signature: type, value: get(client) };
    this.#ofClient(client, 'PropertyChanged', name, value);
    told(new Map([[name, value]]), []);
  }

  #ofClient({ settings: { name } }: Client, member: string, ...body: readonly unknown[]): void {
    for (const table of this.#client) this.#objects.signal(clientObjectPath(name), table, member, ...body);
  }

  #ofServer(member: string, ...body: readonly unknown[]): void {
    for (const table of this.#server) this.#objects.signal('/', table, member, ...body);
  }
}
