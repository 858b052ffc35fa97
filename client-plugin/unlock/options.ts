import type { Program } from '../../common/cli.js';
import { DEBUG_OPTION, HELP_OPTIONS } from '../standard-options.js';

/** The command line of mandos-to-cryptroot-unlock(8mandos). */
export const PROGRAM: Program = {
  name: 'mandos-to-cryptroot-unlock',
  summary:
    "Gets this machine's password as plugin-runner does, and gives it to each volume of /cryptroot/crypttab that asks.",
  usage: ['[OPTION]... [-- PLUGIN_RUNNER_OPTION...]'],
  options: [DEBUG_OPTION, ...HELP_OPTIONS],
  notes: `For the initial RAM disk of initramfs-tools. Exit status: 0 when all volumes are open, 1 when there
can never be a password, 64 for a wrong command line.
`,
};
