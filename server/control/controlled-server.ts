import type { Log, LogLevel } from '../../common/log.js';
import type { Ledger } from '../client/ledger.js';
import type { Registry } from '../client/registry.js';
import type { Requests } from '../client/requests.js';
import type { ClientSettings } from '../client/settings.js';
import type { Turns } from '../client/turns.js';

/** What the server is, for those who ask. Empty texts for what is not set. */
export interface AboutServer {
  readonly version: string;
  readonly address: string;
  readonly port: number;
  readonly interface: string;
  readonly serviceName: string;
}

/** A value of a setting of AddClient: durations are milliseconds, or texts as in clients.conf. */
export type SettingValue = string | number | boolean | Uint8Array;

/** The settings of a client to be added, or all that is wrong with them; nothing secret in the texts. */
export type AddedClient =
  | { readonly settings: ClientSettings; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] };

/** What the D-Bus service controls. */
export interface ControlledServer {
  readonly registry: Registry;
  readonly ledger: Pick<Ledger, 'decide'>;
  readonly requests: Pick<Requests, 'approve'>;
  /** Of whatever adds clients; a reload takes them too. */
  readonly turns: Turns;
  readonly log: Log;
  readonly about: AboutServer;
  /** Milliseconds since the Unix epoch that never go back. */
  nowMs(): number;
  /** In [0, 1): spreads the first checks. */
  random(): number;
  /** Reads settings by their names in clients.conf, by the rules of clients.conf. */
  readClient(name: string, values: ReadonlyMap<string, SettingValue>): AddedClient;
  /** @returns why nothing is changed; undefined when the configuration is in effect. Never rejects */
  reload(): Promise<string | undefined>;
  setLogLevel(level: LogLevel): void;
}
