import { join } from 'node:path';
import type { OptionValues } from '../common/cli.js';
import { lastValue } from '../common/cli.js';
import { counted } from '../common/counted.js';
import { MandosError } from '../common/errors.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { createClient } from './client/client.js';
import { PROGRAM } from './command-line.js';
import { systemFiles } from './config/files.js';
import { dropPrivileges } from './host/privileges.js';
import { prepareStateDirectory } from './host/state-directory.js';
import { importState } from './import/import-state.js';
import { describeImport } from './import/summary.js';
import { refuseToForget } from './lost-configuration.js';
import type { LoadedOptions } from './options.js';
import { readConfiguration } from './read-configuration.js';
import { openStateStore } from './state/store.js';

/**
 * `mandos --import-state`: takes over the state of the clients from a server of the original, and says what that is.
 * @throws MandosError when there is nothing to take over, or it cannot be stored; then nothing is changed
 */
export async function runImport(values: OptionValues, loaded: LoadedOptions): Promise<void> {
  await importFile(loaded, lastValue(values, 'import-state') ?? '');
}

/**
 * Takes over the state in a file, and says what that is. Gives up root.
 * @throws MandosError as runImport
 */
export async function importFile(loaded: LoadedOptions, file: string): Promise<void> {
  const log = createLog(standardErrorSink(PROGRAM.name), loaded.options.logLevel);
  const configuration = readConfiguration(loaded, log);
  const { clients, options } = configuration;
  const nowMs = Date.now();
  const plan = await importState(file, clients, systemFiles, nowMs);
  refuseToForget(configuration, plan.skipped.length);
  const removedNames = new Set(plan.removed);
  const removed = clients
    .filter(({ name }) => removedNames.has(name))
    .map(settings => createClient(settings, nowMs, 0));
  prepareStateDirectory(options.stateDirectory);
  // Without a listener, Node.js would let others of that user debug this process.
  process.on('SIGUSR1', () => {});
  dropPrivileges(log);
  const store = await openStateStore(options.stateDirectory);
  try {
    const known = store.load().length;
    if (known > 0) {
      const what = `${options.stateDirectory}: has the state of ${counted(known, 'client')} already, which would be lost`;
      throw new MandosError(
        'STATE',
        `${what}; move ${join(options.stateDirectory, 'clients.mdb')} aside, or choose another with --statedir`,
      );
    }
    await store.write({ saved: plan.clients, removed, forgotten: [] });
  } finally {
    await store.close();
  }
  printOut(`${describeImport(file, plan).join('\n')}\n`);
}
