import type { Option } from '../common/cli.js';

export const DEBUG_OPTION: Option = { name: 'debug', help: 'Say in detail what is done' };

/** What every program of the client can tell of itself; short names are those of argp, as in the original. */
export const HELP_OPTIONS: readonly Option[] = [
  { name: 'help', short: '?', help: 'Show this help and exit' },
  { name: 'usage', help: 'Show a short usage message and exit' },
  { name: 'version', short: 'V', help: 'Show the version and exit' },
];
