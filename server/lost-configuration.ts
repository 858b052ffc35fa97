import { join } from 'node:path';
import { counted } from '../common/counted.js';
import { MandosError } from '../common/errors.js';
import type { ClientsSource } from './config/clients-files.js';
import { CLIENTS_FILE } from './config/clients-files.js';
import type { ServerOptions } from './options.js';
import { FILE_NAME } from './state/store.js';
import { readStoredFile } from './state/stored-file.js';

interface ReadConfiguration {
  readonly options: ServerOptions;
  readonly clients: readonly unknown[];
  readonly sources: readonly ClientsSource[];
}

/**
 * Refuses a start that would drop the state of all clients, since a directory is not mounted or another one was meant:
 * when their configuration is there again, those that were disabled would be enabled. To be called while the state is
 * this process's alone. Clients that were added at run time need no configuration.
 * @throws MandosError CONFIGURATION
 */
export function refuseLostConfiguration(configuration: ReadConfiguration): void {
  const { restore, stateDirectory } = configuration.options;
  // Whoever says --no-restore wants nothing of it.
  if (!restore || !isWithoutClients(configuration)) return;
  const stored = readStoredFile(join(stateDirectory, FILE_NAME));
  refuseToForget(configuration, stored.filter(({ configured }) => configured !== undefined).length);
}

/**
 * The same for clients that are known from elsewhere.
 * @param known how many there are
 * @throws MandosError CONFIGURATION
 */
export function refuseToForget(configuration: ReadConfiguration, known: number): void {
  if (known === 0 || !isWithoutClients(configuration)) return;
  const { configDirectory } = configuration.options;
  const missing = `${configDirectory}: there is neither ${CLIENTS_FILE} nor a client in clients.d`;
  const loss = `the state of ${counted(known, 'client')} would be lost, and a disabled one enabled when it is back`;
  const remedy = `mount or restore it, name another directory with --configdir, or make an empty ${CLIENTS_FILE} to have no clients`;
  throw new MandosError('CONFIGURATION', `${missing}, and ${loss} (${remedy})`);
}

/** An empty clients.conf says that there are none; an empty directory may be a mount point. */
function isWithoutClients({ clients, sources }: ReadConfiguration): boolean {
  return clients.length === 0 && !sources.includes(CLIENTS_FILE);
}
