import type { OptionValues } from '../common/cli.js';
import { countErrors, formatFault } from '../common/config-fault.js';
import { counted } from '../common/counted.js';
import { loadClients } from './clients-config.js';
import type { ConfigFiles } from './config/files.js';
import { isUsageFault } from './config/option-source.js';
import { loadOptions } from './options.js';

/** What `mandos --check` prints on standard output, and its exit status. */
export interface CheckReport {
  readonly text: string;
  /** 2 for the command line, as at a start. */
  readonly exitStatus: 0 | 1 | 2;
}

/** Reads the whole configuration as a start would, and reports all that is wrong with it; a fault is a line. */
export function checkConfig(values: OptionValues, files: ConfigFiles): CheckReport {
  const { options, faults: optionFaults } = loadOptions(values, files);
  const { clients, faults: clientFaults } = loadClients(options.configDirectory, files);
  const faults = [...optionFaults, ...clientFaults];
  const lines = faults.map(fault => `${fault.severity}: ${formatFault(fault)}`);
  const errors = countErrors(faults);
  const warnings = faults.length - errors;
  const summary = [
    ...(errors === 0 ? [`configuration is valid: ${counted(clients.length, 'client')}`] : []),
    ...(errors > 0 ? [counted(errors, 'error')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
  ];
  lines.push(summary.join(', '));
  return { text: `${lines.join('\n')}\n`, exitStatus: errors === 0 ? 0 : faults.some(isUsageFault) ? 2 : 1 };
}
