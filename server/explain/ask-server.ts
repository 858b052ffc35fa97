import type { Bus } from '../../common/dbus/bus.js';
import { connectBus, isDbusError } from '../../common/dbus/bus.js';
import { describeError } from '../../common/errors.js';
import { clientObjectPath } from '../client/object-path.js';
import { CLIENT_NAME, SERVER_NAME } from '../control/names.js';
import type { ServerFacts } from './facts.js';
import type { Properties } from './live-client.js';

/** Clients whose key IDs are looked at when a key ID is in no file. */
const LOOKED_AT = 1000;

/** What the message bus tells. */
export interface BusAnswer {
  /** Undefined: nobody has the server's name, or there is no bus. */
  readonly server: Extract<ServerFacts, { kind: 'on-bus' | 'silent' }> | undefined;
  /** The server's process. */
  readonly pid: number | undefined;
  readonly avahi: boolean;
  /** Object paths of clients that were added at run time; an original server has none. */
  readonly added: readonly string[];
  /** All that are looked at by key ID. */
  readonly paths: readonly string[];
}

/** Asks the server on the message bus. The bus stays the caller's. */
export async function askBus(bus: Bus): Promise<BusAnswer> {
  const avahi = await hasOwner(bus, 'org.freedesktop.Avahi');
  const nobody = { server: undefined, pid: undefined, avahi, added: [], paths: [] };
  if (!(await hasOwner(bus, SERVER_NAME))) return nobody;
  const pid = Number(await callDaemon(bus, 'GetConnectionUnixProcessID', SERVER_NAME));
  try {
    const [paths] = await callServer(bus, 'GetAllClients');
    const about = await aboutServer(bus);
    const [added] = about.version === undefined ? [[]] : await callServer(bus, 'AddedClients');
    return {
      server: { kind: 'on-bus', ...about },
      pid,
      avahi,
      added: added as string[],
      paths: (paths as string[]).slice(0, LOOKED_AT),
    };
  } catch (error) {
    const forbidden = isDbusError(error, 'AccessDenied');
    return { ...nobody, pid, server: { kind: 'silent', reason: describeError(error), forbidden } };
  }
}

/** The system bus; undefined when there is none. */
export async function systemBus(): Promise<Bus | undefined> {
  try {
    return await connectBus();
  } catch {
    return undefined;
  }
}

/** @returns the client's properties; undefined when the server has no such client */
export async function readLiveClient(bus: Bus, path: string): Promise<Properties | undefined> {
  try {
    const [properties] = await getAll(bus, path, CLIENT_NAME);
    return withoutVariants(properties);
  } catch (error) {
    if (isDbusError(error, 'UnknownObject') || isDbusError(error, 'UnknownMethod')) return undefined;
    throw error;
  }
}

/**
 * What the server has of the client that is no property of it: release_check and the others, by their names in
 * clients.conf.
 * @returns undefined for a server that does not tell, as the original does not
 */
export async function readReleaseSettings(bus: Bus, path: string): Promise<Properties | undefined> {
  try {
    const [settings] = await callServer(bus, 'ReleaseSettings', 'ao', [[path]]);
    const own = (settings as ReadonlyMap<string, unknown>).get(path);
    return own === undefined ? undefined : withoutVariants(own);
  } catch (error) {
    if (isDbusError(error, 'UnknownMethod')) return undefined;
    throw error;
  }
}

/** The object path of a client of this name. */
export const pathOf = clientObjectPath;

type About = Omit<Extract<ServerFacts, { kind: 'on-bus' }>, 'kind'>;

/** What this project's server tells of itself, and the original does not. */
async function aboutServer(bus: Bus): Promise<About> {
  let values: Properties;
  try {
    const [properties] = await getAll(bus, '/', SERVER_NAME);
    values = withoutVariants(properties);
  } catch {
    values = new Map();
  }
  const text = (name: string) => {
    const value = values.get(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const port = values.get('Port');
  return {
    version: text('Version'),
    address: text('Address'),
    port: typeof port === 'number' ? port : undefined,
    interface: text('Interface'),
  };
}

async function hasOwner(bus: Bus, name: string): Promise<boolean> {
  return (await callDaemon(bus, 'NameHasOwner', name)) === true;
}

/** Calls the bus itself. */
async function callDaemon(bus: Bus, member: string, name: string): Promise<unknown> {
  const daemon = 'org.freedesktop.DBus';
  const call = { destination: daemon, path: '/org/freedesktop/DBus', interface: daemon };
  const [answer] = await bus.call({ ...call, member, signature: 's', body: [name] });
  return answer;
}

function callServer(
  bus: Bus,
  member: string,
  signature = '',
  body: readonly unknown[] = [],
): Promise<readonly unknown[]> {
  return bus.call({ destination: SERVER_NAME, path: '/', interface: SERVER_NAME, member, signature, body });
}

function getAll(bus: Bus, path: string, name: string): Promise<readonly unknown[]> {
  return bus.call({
    destination: SERVER_NAME,
    path,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'GetAll',
    signature: 's',
    body: [name],
  });
}

function withoutVariants(properties: unknown): Properties {
  const entries = properties instanceof Map ? [...(properties as Map<string, { value: unknown }>)] : [];
  return new Map(entries.map(([name, variant]) => [name, variant.value]));
}
