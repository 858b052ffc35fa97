import { readFileSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import type { OptionValues } from '../../common/cli.js';
import { lastValue, parseCommandLine } from '../../common/cli.js';
import { PROGRAM } from '../command-line.js';

/** What the program is called in its process's arguments: installed, and in a checkout. */
const NAMES = ['mandos', 'main.js'];

/** The options that a running server was started with; none where that cannot be told. */
export function startedWith(pid: number): OptionValues {
  try {
    return optionsOf(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1));
  } catch {
    return new Map();
  }
}

/**
 * Options in the arguments of a process, which may be an interpreter's.
 * @throws UsageError for what is no command line of mandos(8)
 */
export function optionsOf(argv: readonly string[]): OptionValues {
  const program = argv.findIndex(word => NAMES.includes(basename(word)));
  if (program < 0) return new Map();
  const commandLine = parseCommandLine(PROGRAM, argv.slice(program + 1));
  if (commandLine.kind !== 'run') return new Map();
  const values = new Map(commandLine.values);
  for (const name of ['configdir', 'statedir']) {
    // Relative to a directory that it has left.
    if (!isAbsolute(lastValue(values, name) ?? '')) values.delete(name);
  }
  return values;
}
