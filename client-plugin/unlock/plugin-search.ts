import type { RunnerOptions } from '../plugin-runner/run-plugins.js';
import { readRunnerOptions, runPlugins } from '../plugin-runner/run-plugins.js';
import type { Privileges } from '../privileges.js';
import type { Obtain } from './password-search.js';

/** cryptsetup's own askpass does what these do, and is there anyhow. */
const NEEDLESS_PLUGINS = ['askpass-fifo', 'password-prompt', 'plymouth'];

/**
 * Which plugins look for the password.
 * @param argv options of plugin-runner
 * @param warn called with one line for each fault of the configuration file
 * @throws UsageError
 */
export function searchOptions(argv: readonly string[], warn: (message: string) => void): RunnerOptions {
  return readRunnerOptions([...argv, ...NEEDLESS_PLUGINS.map(name => `--disable=${name}`)], warn);
}

/** The search by these plugins. */
export function pluginSearch(options: RunnerOptions, privileges: Privileges): Obtain {
  return (log, signal) => runPlugins(options, { log, signal, privileges, emptyOutput: 'fails' });
}
