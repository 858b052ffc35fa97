import { parseCommandLine, UsageError } from '../common/cli.js';
import type { OptionValues, Program } from '../common/cli.js';
import { endOnCrash } from '../common/crash.js';
import { describeError, MandosError } from '../common/errors.js';
import { disableCoreDumps } from '../common/libc.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { EX_USAGE } from './options.js';
import type { InProcessPlugin } from './plugin.js';
import { processPrivileges } from './privileges.js';
import { endBySignal, onEndSignals } from './signals.js';
import { aroundPrompt } from './prompts/prompt-line.js';

/** The options of a plugin that gets a password. @throws UsageError, also for `--help` and its like */
export function pluginOptions(program: Program, argv: readonly string[]): OptionValues {
  const commandLine = parseCommandLine(program, argv);
  if (commandLine.kind === 'print') throw new UsageError('--help, --usage and --version get no password');
  return commandLine.values;
}

/**
 * Runs a plugin as a program of its own: the password goes to standard output, without a newline.
 * @param statuses exit statuses of errors, by code; 1 for others
 */
export async function runAsProgram(
  program: Program,
  plugin: InProcessPlugin,
  argv: readonly string[],
  statuses: Readonly<Record<string, number>> = {},
): Promise<void> {
  const sink = aroundPrompt(standardErrorSink(program.name));
  let log = createLog(sink, 'info');
  endOnCrash(() => log);
  const signals = onEndSignals();
  const { signal } = signals;
  try {
    const commandLine = parseCommandLine(program, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      process.exit(0);
    }
    if (commandLine.values.has('debug')) log = createLog(sink, 'debug');
    disableCoreDumps();
    const environment = process.env;
    const password = await plugin(argv, { environment, log, signal, privileges: processPrivileges() });
    try {
      if (!signal.aborted) printOut(password);
    } finally {
      password.fill(0);
    }
    // Tries that lost may still be decrypting; nobody waits for them.
    if (!signal.aborted) process.exit(0);
  } catch (error) {
    if (!signal.aborted) {
      log.error(describeError(error));
      const code = error instanceof MandosError ? error.code : '';
      process.exit(error instanceof UsageError ? EX_USAGE : (statuses[code] ?? 1));
    }
  }
  if (signals.received) endBySignal(signals.received);
}
