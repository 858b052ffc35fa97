import { parseCommandLine, UsageError } from '../../common/cli.js';
import { endOnCrash } from '../../common/crash.js';
import { describeError } from '../../common/errors.js';
import { createLog } from '../../common/log.js';
import { splitOperands } from '../../common/operands.js';
import { printOut } from '../../common/output.js';
import { EX_USAGE } from '../options.js';
import { processPrivileges } from '../privileges.js';
import { endBySignal, onEndSignals } from '../signals.js';
import { consoleSink } from './console-sink.js';
import { Cryptroot } from './cryptroot.js';
import { PROGRAM } from './options.js';
import { pluginSearch, searchOptions } from './plugin-search.js';
import { runUnlock } from './run-unlock.js';

/** mandos-to-cryptroot-unlock as a program. */
export async function main(argv: readonly string[]): Promise<void> {
  // Asking who asks takes root, and nothing else is given up before the search does it.
  let cryptroot = new Cryptroot(processPrivileges());
  const sink = consoleSink(
    () => cryptroot.prompt(),
    text => process.stderr.write(text),
  );
  process.stderr.on('error', () => {}); // A console that has gone ends nothing.
  let log = createLog(sink, 'info');
  endOnCrash(() => log);
  const signals = onEndSignals();
  let status: number;
  try {
    const { options, operands } = splitOperands(PROGRAM, argv);
    const commandLine = parseCommandLine(PROGRAM, options);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      process.exit(0);
    }
    const search = searchOptions(operands, message => log.warning(message));
    if (search.debug || commandLine.values.has('debug')) log = createLog(sink, 'debug');
    const privileges = processPrivileges(search.userId, search.groupId);
    cryptroot = new Cryptroot(privileges);
    const obtain = pluginSearch(search, privileges);
    status = await runUnlock({ cryptroot, obtain, log, signal: signals.signal });
  } catch (error) {
    log.error(describeError(error));
    status = error instanceof UsageError ? EX_USAGE : 1;
  }
  if (signals.received) endBySignal(signals.received);
  else process.exit(status);
}
