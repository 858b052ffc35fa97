import type { Bus } from '../../common/dbus/bus.js';
import { connectBus, isDbusError, systemBusAddress } from '../../common/dbus/bus.js';
import type { Variant } from '../../common/dbus/decode.js';
import { describeError } from '../../common/errors.js';
import { PROPERTIES, SERVER_INTERFACE, SERVER_NAME, SERVER_PATH } from '../mirror/mandos-names.js';
import { readClients, SNAPSHOT_LIMIT_BYTES } from '../mirror/server-calls.js';
import { plainText } from './columns.js';

const DAEMON = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;

/**
 * Checks what stands between this program and the server, one thing after the other up to the first that fails.
 * @param say gets a line for each
 * @returns whether all is well
 */
export async function selfCheck(say: (line: string) => void): Promise<boolean> {
  let bus: Bus | undefined;
  try {
    bus = await step('message bus', say, async () => {
      const connected = await connectBus(systemBusAddress(), { messageLimitBytes: SNAPSHOT_LIMIT_BYTES });
      return [connected, `reachable at ${systemBusAddress()}`];
    });
    const connected = bus;
    await step('server', say, async () => [undefined, await describeOwner(connected)]);
    await step('clients', say, async () => {
      const clients = await readClients(connected);
      return [undefined, `${clients.size}, which can be read`];
    });
    await step('version', say, async () => [undefined, await describeVersion(connected)]);
    return true;
  } catch {
    return false;
  } finally {
    bus?.close();
  }
}

/** @throws what the check throws, which has been said */
async function step<T>(
  name: string,
  say: (line: string) => void,
  check: () => Promise<readonly [result: T, text: string]>,
): Promise<T> {
  try {
    const [result, text] = await check();
    say(`ok: ${name}: ${text}`);
    return result;
  } catch (error) {
    say(`FAILED: ${name}: ${describeError(error)}`);
    throw error;
  }
}

async function describeOwner(bus: Bus): Promise<string> {
  const ask = async (member: string, name: string) => {
    const [value] = await bus.call({ ...DAEMON, member, signature: 's', body: [name] });
    return String(value);
  };
  let owner: string;
  try {
    owner = await ask('GetNameOwner', SERVER_NAME);
  } catch (error) {
    if (!isDbusError(error, 'NameHasNoOwner')) throw error;
    throw new Error(`not running, or without D-Bus: nobody has the name ${SERVER_NAME}`, { cause: error });
  }
  const [uid, pid] = [
    await ask('GetConnectionUnixUser', owner),
    await ask('GetConnectionUnixProcessID', owner),
  ];
  return `${SERVER_NAME} belongs to ${owner}, process ${pid} of user ID ${uid}`;
}

/** The original's object has no properties. */
async function describeVersion(bus: Bus): Promise<string> {
  try {
    const [version] = await bus.call({
      destination: SERVER_NAME,
      path: SERVER_PATH,
      interface: PROPERTIES,
      member: 'Get',
      signature: 'ss',
      body: [SERVER_INTERFACE, 'Version'],
    });
    return `mandos-ts ${plainText((version as Variant).value)}`;
  } catch (error) {
    if (!isDbusError(error, 'UnknownMethod') && !isDbusError(error, 'UnknownInterface')) throw error;
    return 'the original Mandos: it has no --add, --reload and --log-level';
  }
}
