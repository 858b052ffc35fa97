import { readFileSync } from 'node:fs';
import { readOptions, UsageError } from '../../common/cli.js';
import { describeError } from '../../common/errors.js';
import { readConfig } from './config-file.js';
import { CONFIG_FILE, PROGRAM } from './options.js';
import { applyOption, defaultOptions } from './settings.js';
import type { RunnerOptions } from './settings.js';

/**
 * Reads the configuration file and then the command line, which overrides it (plugin-runner(8mandos), FILES).
 * @param warn called with one line for each fault of the file; what is faulty is ignored
 * @throws UsageError for a fault of the command line
 */
export function readRunnerOptions(argv: readonly string[], warn: (message: string) => void): RunnerOptions {
  const given = [...readOptions(PROGRAM, argv)];
  const options = defaultOptions();
  const file = given.findLast(({ name }) => name === 'config-file')?.value ?? CONFIG_FILE;
  applyFile(options, file, warn);
  for (const { name, value } of given) {
    try {
      applyOption(options, name, value);
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(`--${name}: ${error.message}`) : error;
    }
  }
  return options;
}

function applyFile(options: RunnerOptions, file: string, warn: (message: string) => void): void {
  const text = readConfigFile(file, warn);
  const fault = ({ text: word, line }: { text: string; line: number }, why: string) =>
    warn(`${file}:${line}: "${word}" is ignored: ${why}`);
  for (const { name, value, place } of readConfig(text, fault)) {
    try {
      applyOption(options, name, value);
    } catch (error) {
      fault(place, describeError(error));
    }
  }
}

/** Outside an initramfs the file need not exist. */
function readConfigFile(file: string, warn: (message: string) => void): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      warn(`cannot read ${file}, and go on without it: ${describeError(error)}`);
    return '';
  }
}
