import type { Bus } from '../../common/dbus/bus.js';

/** All clients of a server over D-Bus, as mandos-ctl and mandos-monitor ask for them. */
export const SERVER = 'se.recompile.Mandos';
export const DAEMON = 'org.freedesktop.DBus';
/** All clients are one message, of some 2 kB each. */
export const MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024;
/** The bus allows 128 calls at once: too few for pings while a server is late. All else is as on a system bus. */
export const BUS_LIMITS = { max_replies_per_connection: 10_000 };

const CALL_LIMIT_MS = 60_000;

/**
 * How long a caller waits for all clients.
 * @param clients how many there are
 */
export async function allClientsMs(bus: Bus, clients: number): Promise<number> {
  const startMs = performance.now();
  const call = { path: '/', interface: `${DAEMON}.ObjectManager`, member: 'GetManagedObjects' };
  const [objects] = await bus.call({ destination: SERVER, ...call }, CALL_LIMIT_MS);
  const tookMs = performance.now() - startMs;
  const count = objects instanceof Map ? objects.size : 0;
  if (count !== clients) throw new Error(`GetManagedObjects: ${count} of ${clients} clients`);
  return tookMs;
}
