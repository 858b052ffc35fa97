import type { Program } from '../../common/cli.js';

/** The command line of mandos-monitor(8). */
export const PROGRAM: Program = {
  name: 'mandos-monitor',
  summary: 'Shows the clients of the Mandos server on the terminal, and lets them be controlled.',
  usage: ['[--help | --version]'],
  options: [
    { name: 'help', short: 'h', help: 'Show this help and exit' },
    { name: 'version', help: 'Show the version and exit' },
  ],
  notes: 'Press ? in the program for its keys.',
};
