import { MandosError } from '../../common/errors.js';
import type { Caller } from '../mirror/server-calls.js';
import { callServer, withoutVariants } from '../mirror/server-calls.js';
import type { ListedClient } from './select-clients.js';

/** Clients that one call asks for: a reply of some hundred kilobytes, and no long turn for the server. */
const ASKED_AT_ONCE = 1_000;

/**
 * The clients with what only this project's server has of them, among their properties: `release_check` and the others,
 * as clients.conf calls them. Another server has none of it, which is no fault.
 * @throws MandosError: one line for people
 */
export async function withReleaseSettings(
  bus: Caller,
  clients: readonly ListedClient[],
): Promise<readonly ListedClient[]> {
  const known: ListedClient[] = [];
  for (let i = 0; i < clients.length; i += ASKED_AT_ONCE) {
    const asked = clients.slice(i, i + ASKED_AT_ONCE);
    const paths = asked.map(({ path }) => path);
    let settings: ReadonlyMap<string, unknown>;
    try {
      const [reply] = await callServer(bus, 'ReleaseSettings', 'ao', [paths]);
      settings = reply as ReadonlyMap<string, unknown>;
    } catch (error) {
      if (error instanceof MandosError && error.code === 'ORIGINAL_SERVER') return clients;
      throw error;
    }
    for (const client of asked) {
      const more = withoutVariants(settings.get(client.path));
      known.push({ ...client, properties: new Map([...client.properties, ...more]) });
    }
  }
  return known;
}
