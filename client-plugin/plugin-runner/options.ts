import type { Program } from '../../common/cli.js';
import { NOBODY } from '../privileges.js';
import { DEBUG_OPTION, HELP_OPTIONS } from '../standard-options.js';

/** Where the initramfs keeps the configuration (plugin-runner(8mandos), FILES). */
export const CONFIG_FILE = '/conf/conf.d/mandos/plugin-runner.conf';
export const PLUGIN_DIRECTORY = '/lib/mandos/plugins.d';
export const HELPER_DIRECTORY = '/lib/mandos/plugin-helpers';

/** The command line of plugin-runner(8mandos). */
export const PROGRAM: Program = {
  name: 'plugin-runner',
  summary: 'Runs the Mandos plugins and prints the password of the first that gets one.',
  usage: ['[OPTION]...'],
  options: [
    {
      name: 'global-env',
      short: 'G',
      argument: 'NAME=VALUE',
      help: 'Environment variable for all plugins',
    },
    {
      name: 'env-for',
      short: 'E',
      argument: 'PLUGIN:NAME=VALUE',
      help: 'Environment variable for one plugin',
    },
    {
      name: 'global-options',
      short: 'g',
      argument: 'OPTION[,OPTION...]',
      help: 'Options for all plugins',
    },
    {
      name: 'options-for',
      short: 'o',
      argument: 'PLUGIN:OPTION[,OPTION...]',
      help: 'Options for one plugin',
    },
    { name: 'disable', short: 'd', argument: 'PLUGIN', help: 'Do not start this plugin' },
    { name: 'enable', short: 'e', argument: 'PLUGIN', help: 'Start it after all: undoes --disable' },
    { name: 'groupid', argument: 'ID', help: `Group that plugins run as. Default: ${NOBODY}` },
    { name: 'userid', argument: 'ID', help: `User that plugins run as. Default: ${NOBODY}` },
    {
      name: 'plugin-dir',
      argument: 'DIRECTORY',
      help: `Directory of the plugins. Default: ${PLUGIN_DIRECTORY}`,
    },
    {
      name: 'plugin-helper-dir',
      argument: 'DIRECTORY',
      help: `Directory of the plugins' helpers, told to them. Default: ${HELPER_DIRECTORY}`,
    },
    {
      name: 'config-file',
      argument: 'FILE',
      help: `File with more options. Default: ${CONFIG_FILE}`,
    },
    DEBUG_OPTION,
    ...HELP_OPTIONS,
  ],
  notes: `When no plugin succeeds, the password is asked for on the console. Exit status: 0 with a password;
1 without; 64 for a wrong command line, 69 without a directory of plugins and 71 when it
cannot be read, whatever is typed then.
`,
};
