import { formatFault } from '../../common/config-fault.js';
import type { Log } from '../../common/log.js';
import { callServer } from '../mirror/server-calls.js';
import type { Caller } from '../mirror/server-calls.js';
import { readClientsFile } from './clients-file.js';
import type { NewClient } from './clients-file.js';
import { eachClient } from './each-client.js';
import { CLIENTS_FILE_LIMIT_BYTES, readFileOrInput, readSecret } from './files.js';
import type { Progress } from './progress.js';

/**
 * Reads the clients of a file.
 * @param file `-` is standard input
 * @returns undefined when something is wrong with it, which is all logged
 * @throws MandosError FILE
 */
export function readNewClients(file: string, log: Log): readonly NewClient[] | undefined {
  const bytes = readFileOrInput(file, CLIENTS_FILE_LIMIT_BYTES);
  const shown = file === '-' ? 'standard input' : file;
  const { clients, faults } = readClientsFile(bytes, shown, readSecret);
  bytes.fill(0);
  for (const fault of faults) log.error(formatFault(fault));
  return faults.length === 0 ? clients : undefined;
}

/**
 * Adds clients to the server.
 * @returns how many were refused, each of which is logged
 * @throws MandosError for what concerns all of them
 */
export async function addClients(
  bus: Caller,
  clients: readonly NewClient[],
  log: Log,
  progress: Progress,
): Promise<number> {
  try {
    return await eachClient(
      clients,
      async ({ name, settings }) => {
        await callServer(bus, 'AddClient', 'sa{sv}', [name, settings]);
      },
      ({ name }, reason) => `${name}: cannot add it: ${reason}`,
      log,
      progress,
    );
  } finally {
    for (const { settings } of clients) {
      const secret = settings.get('secret')?.value;
      if (secret instanceof Uint8Array) secret.fill(0);
    }
  }
}
