import type { IncomingCall } from '../../common/dbus/bus.js';
import { DbusFault } from '../../common/dbus/bus.js';
import { MandosError } from '../../common/errors.js';
import { secretFormatProblem } from '../../common/secret-format.js';
import { checkedOk, startCheck, stopCheck } from '../client/checks.js';
import type { Client } from '../client/client.js';
import { createClient, disable, enable } from '../client/client.js';
import { findCollision } from '../client/collisions.js';
import type { ClientEvent, Origin } from '../client/events.js';
import type { Change } from '../client/ledger.js';
import { clientObjectPath } from '../client/object-path.js';
import type { ChangeableSettings } from '../client/settings-change.js';
import { changeSettings, isSameValue } from '../client/settings-change.js';
import type { ControlledServer, SettingValue } from './controlled-server.js';
import type { ObjectPaths } from './object-paths.js';

/**
 * What an operator decides over D-Bus. A decision is stored when its promise resolves; when it cannot be, that is a
 * DbusFault that says so.
 */
export class Operator {
  readonly #server: ControlledServer;
  readonly #paths: ObjectPaths;

  constructor(server: ControlledServer, paths: ObjectPaths) {
    this.#server = server;
    this.#paths = paths;
  }

  async setEnabled({ settings: { name } }: Client, enabled: boolean, call: IncomingCall): Promise<void> {
    const by = await originOf(call);
    const nowMs = this.#server.nowMs();
    const decided = this.#decide({
      kind: 'update',
      name,
      transition: client => (enabled ? enable(client, nowMs) : disable(client)),
      event: client =>
        enabled ? { kind: 'enabled', client, by } : { kind: 'disabled', client, by, reason: reasonOf(by) },
    });
    await decided.catch((error: unknown) => {
      const isHolding = !enabled && this.#server.registry.find(name)?.enabled === false;
      if (!isHolding || !(error instanceof DbusFault)) throw error;
      throw new DbusFault(error.dbusName, `${error.message}; until then it is disabled in memory only`);
    });
  }

  /** A setting has another value from now on. */
  async change<K extends keyof ChangeableSettings>(
    { settings: { name } }: Client,
    key: K,
    value: ChangeableSettings[K],
    call: IncomingCall,
  ): Promise<void> {
    const by = await originOf(call);
    const nowMs = this.#server.nowMs();
    await this.#decide({
      kind: 'update',
      name,
      transition: client => changeSettings(client, { [key]: value }, nowMs),
      event: (client, before): ClientEvent | undefined => {
        if (client.enabled !== before.enabled) {
          const reason = `its time was up with the timeout that was set ${reasonOf(by)}`;
          return { kind: 'disabled', client, by, reason };
        }
        const isOther = !isSameValue(client.settings[key], before.settings[key]);
        return isOther ? { kind: 'settings-changed', client, by, settings: [key] } : undefined;
      },
    });
  }

  /** Upstream takes any secret: one that the client cannot use is said, in the log. */
  async setSecret(client: Client, secret: Uint8Array, call: IncomingCall): Promise<void> {
    await this.change(client, 'secret', secret, call);
    const problem = secretFormatProblem(secret);
    if (problem !== undefined)
      this.#server.log.warning(`${client.settings.name}: the secret that was set ${problem}`);
  }

  async checkedOk({ settings: { name } }: Client): Promise<void> {
    const nowMs = this.#server.nowMs();
    await this.#decide({ kind: 'update', name, transition: client => checkedOk(client, nowMs) });
  }

  /** Begins a check, or gives up the one under way: neither is anything to be stored. */
  setChecking({ settings: { name } }: Client, checking: boolean): void {
    this.#server.registry.update(name, checking ? startCheck : stopCheck);
  }

  async approve({ settings: { name } }: Client, granted: boolean, call: IncomingCall): Promise<void> {
    const by = await originOf(call);
    await faultless(() => this.#server.requests.approve(name, granted, by));
  }

  /** @throws DbusFault UnknownObject */
  async remove(path: string, call: IncomingCall): Promise<void> {
    const by = await originOf(call);
    const client = this.#paths.find(path);
    if (!client) throw new DbusFault('UnknownObject', `there is no client "${path}"`);
    await this.#decide({ kind: 'remove', name: client.settings.name, by });
  }

  /**
   * Adds a client that the configuration does not name.
   * @returns its object path
   * @throws DbusFault InvalidArgs when a setting is wrong, or when its name, key or path is another client's
   */
  async add(name: string, values: ReadonlyMap<string, SettingValue>, call: IncomingCall): Promise<string> {
    const by = await originOf(call);
    return await this.#server.turns.take(() => this.#add(name, values, by));
  }

  async #add(name: string, values: ReadonlyMap<string, SettingValue>, by: Origin): Promise<string> {
    const { registry, log } = this.#server;
    const read = this.#server.readClient(name, values);
    if ('problems' in read) throw new DbusFault('InvalidArgs', `${name}: ${read.problems.join('; ')}`);
    const { settings, warnings } = read;
    const collision = registry.find(name)
      ? 'is there already'
      : findCollision(settings, {
          byKeyId: keyId => registry.findByKeyId(keyId)?.settings.name,
          byPath: path => this.#paths.find(path)?.settings.name,
        });
    if (collision !== undefined) throw new DbusFault('InvalidArgs', `${name} ${collision}`);
    for (const warning of warnings) log.warning(`${name}: ${warning}`);
    const created = createClient(settings, this.#server.nowMs(), this.#server.random());
    const client: Client = { ...created, configured: undefined };
    await this.#decide({ kind: 'add', client, by });
    return clientObjectPath(name);
  }

  async #decide(change: Change): Promise<void> {
    await faultless(() => this.#server.ledger.decide([change]));
  }
}

/** What could not be stored is for the operator to know: any other fault is not. */
async function faultless(decide: () => Promise<void>): Promise<void> {
  try {
    await decide();
  } catch (error) {
    throw error instanceof MandosError ? new DbusFault('Failed', error.message) : error;
  }
}

/** Who calls; nobody knows of one that has gone already. */
async function originOf(call: IncomingCall): Promise<Origin> {
  const uid = await call.uid().catch(() => undefined);
  return { kind: 'operator', uid };
}

function reasonOf(by: Origin): string {
  return by.kind === 'operator' && by.uid !== undefined ? `by user ID ${by.uid}` : 'by an operator';
}
