import type { OptionValues } from '../common/cli.js';
import { countErrors, formatFault } from '../common/config-fault.js';
import { counted } from '../common/counted.js';
import { describeError, MandosError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import type { Client } from './client/client.js';
import { createClient } from './client/client.js';
import { findCollision, identitiesOf } from './client/collisions.js';
import type { ClientEvent } from './client/events.js';
import { BY_CONFIGURATION } from './client/events.js';
import type { Change, Ledger } from './client/ledger.js';
import type { Registry } from './client/registry.js';
import { CHANGEABLE_SETTINGS, isSameValue, reconfigure } from './client/settings-change.js';
import type { ClientSettings } from './client/settings.js';
import type { Turns } from './client/turns.js';
import { loadClients } from './clients-config.js';
import { describeClientsDifference, differenceOfClients, differenceOfOptions } from './config-difference.js';
import type { ClientsSource } from './config/clients-files.js';
import type { ConfigFiles } from './config/files.js';
import { refuseToForget } from './lost-configuration.js';
import type { ServerOptions } from './options.js';
import { loadOptions } from './options.js';

export interface ReloadEffects {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** In [0, 1): spreads the first checks. */
  random(): number;
  /** Runs something that may read the configuration's files. */
  withConfigurationAccess<T>(run: () => T): T;
  /** Takes over those options that need no restart. */
  applyOptions(options: ServerOptions): void;
}

/** A configuration without errors, as it was read. */
export interface LoadedConfiguration {
  readonly options: ServerOptions;
  readonly clients: readonly ClientSettings[];
  readonly sources: readonly ClientsSource[];
}

/** The configuration in effect, which can be read again while the server runs. */
export class LiveConfiguration {
  readonly #values: OptionValues;
  readonly #files: ConfigFiles;
  readonly #registry: Registry;
  readonly #ledger: Ledger;
  readonly #turns: Turns;
  readonly #log: Log;
  readonly #effects: ReloadEffects;
  /** As the server was started: what needs a restart stays so. */
  readonly #started: ServerOptions;
  #options: ServerOptions;
  #clients: readonly ClientSettings[];
  /** An editor that puts a new file in place must not make clients vanish. */
  #sources: readonly ClientsSource[];
  #running: Promise<string | undefined> | undefined;
  #again: Promise<string | undefined> | undefined;

  constructor(
    values: OptionValues,
    files: ConfigFiles,
    current: LoadedConfiguration,
    server: {
      readonly registry: Registry;
      readonly ledger: Ledger;
      readonly turns: Turns;
      readonly log: Log;
    },
    effects: ReloadEffects,
  ) {
    this.#values = values;
    this.#files = files;
    this.#started = current.options;
    this.#options = current.options;
    this.#clients = current.clients;
    this.#sources = current.sources;
    this.#registry = server.registry;
    this.#ledger = server.ledger;
    this.#turns = server.turns;
    this.#log = server.log;
    this.#effects = effects;
  }

  /**
   * Reads the configuration again. When all of it is valid, its differences are logged and hold at once; otherwise its
   * faults are logged and nothing is changed. Asked for while it runs, it is done once more, with the files as they are
   * then.
   * @returns why nothing is changed; undefined when the configuration is in effect. Never rejects
   */
  reload(): Promise<string | undefined> {
    if (this.#again) return this.#again;
    if (!this.#running) return this.#begin();
    this.#again = this.#running.then(() => {
      this.#again = undefined;
      return this.#begin();
    });
    return this.#again;
  }

  /** Whether the configuration names a client, be it one that an operator has removed. */
  hasClient(name: string): boolean {
    return this.#clients.some(settings => settings.name === name);
  }

  #begin(): Promise<string | undefined> {
    this.#running = this.#turns
      .take(() => this.#reload())
      .then(() => undefined)
      .catch((error: unknown) => {
        const problem = `nothing is changed: ${describeError(error)}`;
        this.#log.error(`reload: ${problem}`);
        return problem;
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  /** @throws MandosError when nothing is changed */
  async #reload(): Promise<void> {
    const { options, clients, sources, faults } = this.#effects.withConfigurationAccess(() => {
      const loaded = loadOptions(this.#values, this.#files);
      const config = loadClients(loaded.options.configDirectory, this.#files, this.#sources);
      return { options: loaded.options, ...config, faults: [...loaded.faults, ...config.faults] };
    });
    for (const fault of faults) this.#log[fault.severity](formatFault(fault));
    const errors = countErrors(faults);
    if (errors > 0) {
      const what = `${counted(errors, 'error')} in the configuration (see mandos --check)`;
      throw new MandosError('CONFIGURATION', what);
    }
    refuseToForget({ options, clients, sources }, this.#clients.length);
    this.#refuseCollisions(clients);
    const difference = differenceOfClients(this.#clients, clients);
    const touched = new Set([...difference.added, ...difference.changed.map(({ name }) => name)]);
    const different = clients.filter(({ name }) => touched.has(name));
    await this.#ledger.decide(this.#changes(different, difference.removed));
    // A client that an operator has removed and the file does not name any more may come back with the file.
    this.#ledger.record([], difference.removed);
    // Settings that are the same are not kept twice.
    const known = new Map(this.#clients.map(settings => [settings.name, settings]));
    for (const settings of different) known.set(settings.name, settings);
    this.#clients = clients.map(settings => known.get(settings.name) ?? settings);
    this.#sources = sources;
    const lines = describeClientsDifference(difference);
    for (const line of lines) this.#log.warning(`reload: ${line}`);
    if (lines.length === 0) this.#log.info('reload: the clients are as they were');
    this.#takeOver(options);
  }

  /** @throws MandosError for a client of the configuration that is the same as one that was added at run time */
  #refuseCollisions(clients: readonly ClientSettings[]): void {
    const identities = identitiesOf(clients);
    const names = new Set(clients.map(({ name }) => name));
    for (const { settings, configured } of this.#registry) {
      // What has no configuration yet, and gets one now, takes that over.
      if (configured || names.has(settings.name)) continue;
      const collision = findCollision(settings, identities);
      if (collision === undefined) continue;
      const added = `${settings.name}, which was added at run time,`;
      throw new MandosError(
        'CONFIGURATION',
        `${added} ${collision} of the configuration (remove one of the two)`,
      );
    }
  }

  #takeOver(options: ServerOptions): void {
    const { live } = differenceOfOptions(this.#options, options);
    const { restart } = differenceOfOptions(this.#started, options);
    if (live.length > 0) this.#log.warning(`reload: changed: ${live.join(', ')}`);
    if (restart.length > 0) this.#log.warning(`reload: restart needed for: ${restart.join(', ')}`);
    this.#options = options;
    this.#effects.applyOptions(options);
  }

  #changes(different: readonly ClientSettings[], removed: readonly string[]): Change[] {
    const nowMs = this.#effects.nowMs();
    const changes = different.flatMap((settings): Change[] => {
      const { name } = settings;
      if (!this.#registry.find(name)) {
        const client = createClient(settings, nowMs, this.#effects.random());
        return [{ kind: 'add', client, by: BY_CONFIGURATION }];
      }
      // In two steps, since they mean two things.
      const others = (client: Client) => {
        const { enabled } = client.configured ?? settings;
        return reconfigure(client, { ...settings, enabled }, nowMs);
      };
      const enabled = (client: Client) => reconfigure(client, settings, nowMs);
      return [
        { kind: 'update', name, transition: others, event: describeSettings },
        { kind: 'update', name, transition: enabled, event: describeEnabled },
      ];
    });
    const by = BY_CONFIGURATION;
    return [...changes, ...removed.map((name): Change => ({ kind: 'remove', name, by }))];
  }
}

function describeSettings(client: Client, before: Client): ClientEvent | undefined {
  const by = BY_CONFIGURATION;
  if (!client.enabled && before.enabled) {
    return { kind: 'disabled', client, by, reason: 'its new timeout is over already' };
  }
  const settings = CHANGEABLE_SETTINGS.filter(
    key => !isSameValue(client.settings[key], before.settings[key]),
  );
  return settings.length > 0 ? { kind: 'settings-changed', client, by, settings } : undefined;
}

function describeEnabled(client: Client, before: Client): ClientEvent | undefined {
  const by = BY_CONFIGURATION;
  if (client.enabled === before.enabled) return undefined;
  return client.enabled
    ? { kind: 'enabled', client, by }
    : { kind: 'disabled', client, by, reason: 'by the configuration' };
}
