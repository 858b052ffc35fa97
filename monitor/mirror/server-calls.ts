import type { Bus } from '../../common/dbus/bus.js';
import { DbusError } from '../../common/dbus/bus.js';
import { MandosError } from '../../common/errors.js';
import type { PropertyValues } from './client-view.js';
import {
  CLIENT_INTERFACE,
  OBJECT_MANAGER,
  PROPERTIES,
  SERVER_INTERFACE,
  SERVER_NAME,
  SERVER_PATH,
  WRITABLE_PROPERTIES,
} from './mandos-names.js';
import type { WritableProperty } from './mandos-names.js';

/**
 * All clients come in one message, of some 2 kB each. A bus refuses one of more than 32 MiB unless it is configured
 * otherwise, and no bus takes more than this. Nobody but the server is heard.
 */
export const SNAPSHOT_LIMIT_BYTES = 128 * 1024 * 1024;

/** The original takes up to 25 s for 10,000 clients, and does nothing else meanwhile. */
const SERVER_TIMEOUT_MS = 120_000;

/** What is asked of the bus here; a caller may put something between, to show the calls. */
export type Caller = Pick<Bus, 'call'>;

/** A fault that is the same whatever is asked: there is no bus, no server, or no permission. */
export class ServerUnavailable extends MandosError {
  override readonly name = 'ServerUnavailable';
}

/** Clients asked for at once when they are read one by one: the bus keeps 128 calls of one program open at most. */
const READ_AT_ONCE = 32;

/** Is told how far a long reading is. */
export interface ReadingProgress {
  /** One more client is read. */
  step(): void;
  /** All are, or reading has failed. */
  end(): void;
}

/**
 * Reads all clients.
 * @param follow called with their number when they are read one by one, which takes seconds
 * @returns by object path, in the server's order
 * @throws MandosError as all functions here: one line for people
 */
export async function readClients(
  bus: Caller,
  follow?: (total: number) => ReadingProgress,
): Promise<Map<string, PropertyValues>> {
  try {
    return await readAtOnce(bus);
  } catch (error) {
    if (!isTooLong(error)) throw error;
    return await readOneByOne(bus, follow);
  }
}

/** Whether the clients are more than the 32 MiB that a bus relays: some 16,000. */
function isTooLong(error: unknown): boolean {
  return (
    error instanceof MandosError &&
    error.cause instanceof DbusError &&
    error.cause.dbusName === `${STANDARD_ERROR}LimitsExceeded`
  );
}

async function readOneByOne(
  bus: Caller,
  follow?: (total: number) => ReadingProgress,
): Promise<Map<string, PropertyValues>> {
  const [paths] = await callServer(bus, 'GetAllClients');
  // In the server's order from the start, whatever the order of the answers.
  const clients = new Map((paths as string[]).map((path): [string, PropertyValues] => [path, new Map()]));
  const progress = follow?.(clients.size);
  const queue = [...clients.keys()].values();
  const worker = async () => {
    for (const path of queue) {
      try {
        const [properties] = await calling(bus, {
          path,
          interface: PROPERTIES,
          member: 'GetAll',
          signature: 's',
          body: [CLIENT_INTERFACE],
        });
        clients.set(path, withoutVariants(properties));
      } catch (error) {
        // Removed meanwhile.
        if (!(error instanceof MandosError) || error.code !== 'NO_CLIENT') throw error;
        clients.delete(path);
      }
      progress?.step();
    }
  };
  try {
    await Promise.all(Array.from({ length: READ_AT_ONCE }, worker));
  } finally {
    progress?.end();
  }
  return clients;
}

async function readAtOnce(bus: Caller): Promise<Map<string, PropertyValues>> {
  const [objects] = await calling(bus, {
    path: SERVER_PATH,
    interface: OBJECT_MANAGER,
    member: 'GetManagedObjects',
  });
  const clients = new Map<string, PropertyValues>();
  if (!(objects instanceof Map)) return clients;
  for (const [path, interfaces] of objects as Map<string, unknown>) {
    const properties = interfaces instanceof Map ? (interfaces.get(CLIENT_INTERFACE) as unknown) : undefined;
    if (properties !== undefined) clients.set(path, withoutVariants(properties));
  }
  return clients;
}

/** Properties of a decoded `a{sv}`. */
export function withoutVariants(properties: unknown): PropertyValues {
  const values = new Map<string, unknown>();
  if (!(properties instanceof Map)) return values;
  for (const [name, variant] of properties as Map<string, { readonly value: unknown }>)
    values.set(name, variant.value);
  return values;
}

/** Calls a method of `se.recompile.Mandos`. */
export function callServer(
  bus: Caller,
  member: string,
  signature = '',
  body: readonly unknown[] = [],
): Promise<readonly unknown[]> {
  return calling(bus, { path: SERVER_PATH, interface: SERVER_INTERFACE, member, signature, body });
}

/** Calls a method of `se.recompile.Mandos.Client`. */
export function callClient(
  bus: Caller,
  path: string,
  member: string,
  signature = '',
  body: readonly unknown[] = [],
): Promise<readonly unknown[]> {
  return calling(bus, { path, interface: CLIENT_INTERFACE, member, signature, body });
}

/** Sets a property of a client. @param value durations as a number of milliseconds */
export async function setProperty(
  bus: Caller,
  path: string,
  property: WritableProperty,
  value: string | boolean | number | Uint8Array,
): Promise<void> {
  const signature = WRITABLE_PROPERTIES[property];
  const variant = { signature, value: typeof value === 'number' ? BigInt(value) : value };
  await calling(bus, {
    path,
    interface: PROPERTIES,
    member: 'Set',
    signature: 'ssv',
    body: [CLIENT_INTERFACE, property, variant],
  });
}

interface ServerCall {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

async function calling(bus: Caller, call: ServerCall): Promise<readonly unknown[]> {
  try {
    return await bus.call({ destination: SERVER_NAME, ...call }, SERVER_TIMEOUT_MS);
  } catch (error) {
    throw explain(error, call);
  }
}

const STANDARD_ERROR = 'org.freedesktop.DBus.Error.';

/** What to tell a person of an error. */
function explain(error: unknown, { path, interface: interface_, member }: ServerCall): unknown {
  const options = { cause: error };
  if (error instanceof MandosError && error.code === 'DBUS_GONE')
    return new ServerUnavailable('NO_BUS', error.message, options);
  if (!(error instanceof DbusError)) return error;
  switch (error.dbusName.replace(STANDARD_ERROR, '')) {
    case 'AccessDenied':
      return new ServerUnavailable(
        'NOT_ALLOWED',
        'not allowed to talk to the Mandos server: be root or a member of the group _mandos',
        options,
      );
    case 'ServiceUnknown':
    case 'NameHasNoOwner':
      return new ServerUnavailable(
        'NO_SERVER',
        'the Mandos server is not running, or runs without D-Bus: nobody has its name on the message bus',
        options,
      );
    case 'NoReply':
      return new ServerUnavailable('NO_REPLY', 'the Mandos server ended before it answered', options);
    case 'UnknownMethod':
    case 'UnknownObject':
      if (path !== SERVER_PATH)
        return new MandosError('NO_CLIENT', 'the server has no such client any more', options);
      if (interface_ === SERVER_INTERFACE)
        return new MandosError(
          'ORIGINAL_SERVER',
          `the server is an original Mandos or an older one, which has no ${member}`,
          options,
        );
      return error;
    default:
      return new MandosError('SERVER_REFUSED', `the server refused: ${lastLine(error)}`, options);
  }
}

/** The original answers with the trace of a Python program, whose last line says what is wrong. */
function lastLine(error: DbusError): string {
  const lines = error.message
    .replace(/^D-Bus: /, '')
    .trimEnd()
    .split('\n');
  return lines.at(-1) ?? error.dbusName;
}
