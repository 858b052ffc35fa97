import { counted } from '../common/counted.js';
import { listed } from '../common/listed.js';
import type { ClientSettings } from './client/settings.js';
import { CLIENT_KEYS } from './client/setting-keys.js';
import { isSameValue } from './client/settings-change.js';
import { LIMIT_KEYS } from './config/limits.js';
import type { ServerOptions } from './options.js';

/** What another configuration makes of the clients. */
export interface ClientsDifference {
  /** Names. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly ClientChange[];
}

export interface ClientChange {
  readonly name: string;
  /** Options as they are called in clients.conf. */
  readonly keys: readonly string[];
}

/** Compares what the configuration said of the clients with what it says now. Their order makes no difference. */
export function differenceOfClients(
  before: readonly ClientSettings[],
  after: readonly ClientSettings[],
): ClientsDifference {
  const known = new Map(before.map(settings => [settings.name, settings]));
  const added: string[] = [];
  const changed: ClientChange[] = [];
  for (const settings of after) {
    const { name } = settings;
    const earlier = known.get(name);
    known.delete(name);
    if (!earlier) added.push(name);
    else {
      const keys = differentKeys(CLIENT_KEYS, earlier, settings);
      if (keys.length > 0) changed.push({ name, keys });
    }
  }
  return { added, removed: [...known.keys()], changed };
}

/** What another configuration makes of the server, by the names that options have in mandos.conf. */
export interface OptionsDifference {
  /** Can take effect while the server runs. */
  readonly live: readonly string[];
  readonly restart: readonly string[];
}

/** What options are called in mandos.conf, where `configDirectory` cannot be set. */
const OPTION_KEYS: Readonly<Record<Exclude<keyof ServerOptions, 'configDirectory'>, string>> = {
  interface: 'interface',
  address: 'address',
  port: 'port',
  socket: 'socket',
  debug: 'debug',
  logLevel: 'debuglevel',
  auditLog: 'audit_log',
  priority: 'priority',
  serviceName: 'servicename',
  useDbus: 'use_dbus',
  useIpv6: 'use_ipv6',
  restore: 'restore',
  stateDirectory: 'statedir',
  foreground: 'foreground',
  zeroconf: 'zeroconf',
  onEvent: 'on_event',
  metrics: 'metrics',
  ...LIMIT_KEYS,
};

/** Debug mode is a log level; that it is also in the foreground is what `foreground` says. */
const LIVE_KEYS: ReadonlySet<string> = new Set(
  ['debug', 'debuglevel', 'audit_log', 'on_event', ...Object.values(LIMIT_KEYS)].filter(
    key => key !== 'workers',
  ),
);

/** Compares options that are in effect: what the command line sets is no difference, whatever mandos.conf says. */
export function differenceOfOptions(before: ServerOptions, after: ServerOptions): OptionsDifference {
  const keys = differentKeys(OPTION_KEYS, before, after);
  return {
    // The level in debug mode is debug mode's own.
    live: keys.filter(key => LIVE_KEYS.has(key) && !(key === 'debuglevel' && keys.includes('debug'))),
    restart: keys.filter(key => !LIVE_KEYS.has(key)),
  };
}

/** The names of the settings that have another value. */
function differentKeys<T extends object, K extends keyof T & string>(
  names: Readonly<Record<K, string>>,
  before: T,
  after: T,
): string[] {
  const settings = Object.keys(names) as K[];
  return settings
    .filter(setting => !isSameValue(before[setting], after[setting]))
    .map(setting => names[setting]);
}

/** Clients that one line names of each kind: enough to see whether what happened is what was meant. */
const NAMED_CLIENTS = 10;

/** The difference in a line for the log, however many clients there are; none when there is no difference. */
export function describeClientsDifference({ added, removed, changed }: ClientsDifference): string[] {
  const changes = changed.map(({ name, keys }) => `${name}: ${keys.join(', ')}`);
  const kinds = [
    { verb: 'added', texts: added, separator: ', ' },
    { verb: 'removed', texts: removed, separator: ', ' },
    { verb: 'changed', texts: changes, separator: '; ' },
  ].filter(({ texts }) => texts.length > 0);
  if (kinds.length === 0) return [];
  const parts = kinds.map(({ verb, texts, separator }, i) => {
    const count = i === 0 ? counted(texts.length, 'client') : String(texts.length);
    return `${count} ${verb} (${listed(texts, NAMED_CLIENTS, separator)})`;
  });
  return [parts.join(', ')];
}
