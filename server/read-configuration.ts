import { UsageError } from '../common/cli.js';
import { countErrors, formatFault } from '../common/config-fault.js';
import { counted } from '../common/counted.js';
import { MandosError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import { loadClients } from './clients-config.js';
import { systemFiles } from './config/files.js';
import { isUsageFault } from './config/option-source.js';
import type { LoadedOptions } from './options.js';
import type { LoadedConfiguration } from './reload.js';

/**
 * Reads the clients for these options, and logs what is wrong with either.
 * @throws MandosError CONFIGURATION when there are errors; UsageError when one is of the command line
 */
export function readConfiguration(loaded: LoadedOptions, log: Log): LoadedConfiguration {
  const { options } = loaded;
  const { clients, sources, faults: clientFaults } = loadClients(options.configDirectory, systemFiles);
  const faults = [...loaded.faults, ...clientFaults];
  for (const fault of faults) log[fault.severity](formatFault(fault));
  const errors = countErrors(faults);
  if (errors > 0) {
    const what = `${counted(errors, 'error')} in the configuration (see mandos --check)`;
    if (faults.some(isUsageFault)) throw new UsageError(`not started: ${what}`);
    throw new MandosError('CONFIGURATION', `not started: ${what}`);
  }
  return { options, clients, sources };
}
