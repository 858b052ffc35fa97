import type { Program } from '../../common/cli.js';

/** The command line of mandos-to-cryptroot-unlock(8mandos). */
export const PROGRAM: Program = {
  name: 'mandos-to-cryptroot-unlock',
  summary:
    "Gets this machine's password as plugin-runner does, and gives it to each volume of /cryptroot/crypttab that asks.",
  usage: ['[OPTION]... [-- PLUGIN_RUNNER_OPTION...]'],
  options: [
    { name: 'debug', help: 'Say in detail what is done' },
    { name: 'help', short: '?', help: 'Show this help and exit' },
    { name: 'usage', help: 'Show a short usage message and exit' },
    { name: 'version', short: 'V', help: 'Show the version and exit' },
  ],
  notes: `For the initial RAM disk of initramfs-tools. Exit status: 0 when all volumes are open, 1 when there
can never be a password, 64 for a wrong command line.
`,
};
