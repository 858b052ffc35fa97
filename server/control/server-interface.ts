import { DbusFault } from '../../common/dbus/bus.js';
import type { DbusInterface, MethodResult } from '../../common/dbus/interface-table.js';
import type { LogLevel } from '../../common/log.js';
import { findLogLevel, LOG_LEVELS } from '../../common/log.js';
import type { Client } from '../client/client.js';
import { clientObjectPath } from '../client/object-path.js';
import type { ControlledServer, SettingValue } from './controlled-server.js';
import { OLD_SERVER_NAME, SERVER_NAME } from './names.js';
import type { ObjectPaths } from './object-paths.js';
import type { Operator } from './operator.js';
import { settingValue } from './setting-values.js';

/** What the object `/` is given: long replies are the connection's to make. */
export interface RootTarget {
  allClientProperties(): Promise<MethodResult>;
}

type Table = DbusInterface<RootTarget>;

/** The interface of the server itself, with what this server adds to it, and the original's under its old name. */
export function serverInterfaces(
  server: ControlledServer,
  paths: ObjectPaths,
  operator: Operator,
): readonly [Table, Table] {
  const original = originalInterface(paths, operator);
  const added = addedInterface(server, paths, operator);
  return [
    { ...original, ...added, methods: { ...original.methods, ...added.methods } },
    { ...original, name: OLD_SERVER_NAME, deprecated: true },
  ];
}

function originalInterface(paths: ObjectPaths, operator: Operator): Table {
  return {
    name: SERVER_NAME,
    methods: {
      GetAllClients: { out: { clients: 'ao' }, deprecated: true, call: () => [[...paths.all()]] },
      GetAllClientsWithProperties: {
        out: { clients: 'a{oa{sv}}' },
        deprecated: true,
        call: async target => await target.allClientProperties(),
      },
      RemoveClient: {
        in: { object_path: 'o' },
        call: async (_, [path], call) => {
          await operator.remove(path as string, call);
          return [];
        },
      },
    },
    signals: {
      ClientAdded: { args: { objpath: 'o' } },
      ClientNotFound: { args: { key_id: 's', address: 's' } },
      ClientRemoved: { args: { objpath: 'o', name: 's' }, deprecated: true },
    },
  };
}

/** What the original does not have. */
function addedInterface(
  server: ControlledServer,
  paths: ObjectPaths,
  operator: Operator,
): Pick<Table, 'methods' | 'properties'> {
  const { registry, about } = server;
  return {
    methods: {
      AddClient: {
        in: { name: 's', settings: 'a{sv}' },
        out: { object_path: 'o' },
        call: async (_, [name, settings], call) => [
          await operator.add(name as string, settingValues(settings as Settings), call),
        ],
      },
      AddedClients: {
        out: { object_paths: 'ao' },
        call: () => {
          const added = [...registry].filter(({ configured }) => !configured);
          return [added.map(({ settings }) => clientObjectPath(settings.name))];
        },
      },
      ReleaseSettings: {
        in: { object_paths: 'ao' },
        out: { settings: 'a{oa{sv}}' },
        call: (_, [asked]) => {
          const clients = (asked as string[]).map(path => [path, paths.find(path)] as const);
          return [
            new Map(clients.flatMap(([path, client]) => (client ? [[path, releaseSettings(client)]] : []))),
          ];
        },
      },
      Reload: {
        call: async () => {
          const problem = await server.reload();
          if (problem !== undefined) throw new DbusFault('Failed', problem);
          return [];
        },
      },
      SetLogLevel: {
        in: { level: 's' },
        call: (_, [level]) => {
          server.setLogLevel(logLevelOf(level as string));
          return [];
        },
      },
    },
    properties: {
      Version: { type: 's', emitsChanged: 'const', get: () => about.version },
      Address: { type: 's', emitsChanged: 'const', get: () => about.address },
      Port: { type: 'q', emitsChanged: 'const', get: () => about.port },
      Interface: { type: 's', emitsChanged: 'const', get: () => about.interface },
      ServiceName: { type: 's', emitsChanged: 'const', get: () => about.serviceName },
      // ClientAdded and ClientRemoved tell of each change.
      ClientCount: { type: 'u', emitsChanged: 'false', get: () => registry.size },
    },
  };
}

/** As AddClient takes them: the original's interface of a client has no place for them. */
function releaseSettings({ settings, releasesSinceEnabled }: Client): Settings {
  return new Map([
    ['release_check', { signature: 's', value: settings.releaseCheck }],
    ['max_releases', { signature: 'u', value: settings.maxReleases }],
    ['release_window', { signature: 's', value: settings.releaseWindow }],
    ['releases_since_enabled', { signature: 'u', value: releasesSinceEnabled }],
  ]);
}

type Settings = ReadonlyMap<string, { readonly signature: string; readonly value: unknown }>;

function settingValues(settings: Settings): Map<string, SettingValue> {
  return new Map(Array.from(settings, ([key, variant]) => [key, settingValue(key, variant)]));
}

/** @throws DbusFault InvalidArgs */
function logLevelOf(text: string): LogLevel {
  const level = findLogLevel(text);
  if (level === undefined) {
    throw new DbusFault('InvalidArgs', `there is no such log level (allowed: ${LOG_LEVELS.join(', ')})`);
  }
  return level;
}
