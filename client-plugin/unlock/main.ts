import { UsageError, parseCommandLine } from '../../common/cli.js';
import { endOnCrash } from '../../common/crash.js';
import { describeError } from '../../common/errors.js';
import { createLog } from '../../common/log.js';
import { splitOperands } from '../../common/operands.js';
import { printOut } from '../../common/output.js';
import { EX_USAGE } from '../options.js';
import { processPrivileges } from '../privileges.js';
import { consoleSink } from './console-sink.js';
import { Cryptroot } from './cryptroot.js';
import { PROGRAM } from './options.js';
import { pluginSearch } from './plugin-search.js';
import { runUnlock } from './run-unlock.js';

/** mandos-to-cryptroot-unlock as a program. */
export async function main(argv: readonly string[]): Promise<void> {
  const privileges = processPrivileges();
  const cryptroot = new Cryptroot(privileges);
  process.stderr.on('error', () => {}); // A console that is gone ends nothing.
  const sink = consoleSink(
    () => cryptroot.prompt(),
    text => process.stderr.write(text),
  );
  let log = createLog(sink, 'info');
  endOnCrash(() => log);
  try {
    const { options, operands } = splitOperands(PROGRAM, argv);
    const commandLine = parseCommandLine(PROGRAM, options);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      return;
    }
    if (commandLine.values.has('debug')) log = createLog(sink, 'debug');
    const obtain = pluginSearch(operands, privileges);
    process.exit(await runUnlock({ cryptroot, obtain, log }));
  } catch (error) {
    log.error(describeError(error));
    process.exitCode = error instanceof UsageError ? EX_USAGE : 1;
  }
}
