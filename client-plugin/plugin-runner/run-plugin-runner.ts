import { parseCommandLine, UsageError } from '../../common/cli.js';
import { endOnCrash } from '../../common/crash.js';
import { describeError, MandosError } from '../../common/errors.js';
import { disableCoreDumps } from '../../common/libc.js';
import { createLog, standardErrorSink } from '../../common/log.js';
import { printOut } from '../../common/output.js';
import { EX_USAGE } from '../options.js';
import { processPrivileges } from '../privileges.js';
import { askPassword } from '../prompts/ask-password.js';
import { aroundPrompt } from '../prompts/prompt-line.js';
import { endBySignal, onEndSignals } from '../signals.js';
import { PROGRAM } from './options.js';
import { readRunnerOptions, runPlugins } from './run-plugins.js';

/** sysexits(3), as the original. */
const [EX_UNAVAILABLE, EX_OSERR] = [69, 71];

/** plugin-runner as a program: the password goes to standard output, as the plugin has printed it. */
export async function main(argv: readonly string[]): Promise<void> {
  const sink = aroundPrompt(standardErrorSink(PROGRAM.name));
  let log = createLog(sink, 'info');
  endOnCrash(() => log);
  const signals = onEndSignals();
  const { signal } = signals;
  let privileges = processPrivileges();
  const run = async () => {
    disableCoreDumps();
    const options = readRunnerOptions(argv, message => log.warning(message));
    if (options.debug) log = createLog(sink, 'debug');
    privileges = processPrivileges(options.userId, options.groupId);
    return runPlugins(options, { log, signal, privileges });
  };
  let status = 0;
  let password: Uint8Array | undefined;
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      process.exit(0);
    }
    password = await run();
  } catch (error) {
    if (!signal.aborted) log.error(describeError(error));
    status = statusOf(error);
  }
  try {
    // Whatever has happened, the machine can be booted by somebody at its console.
    password ??= await askPassword({ prompt: 'Password: ', controlling: true, signal, privileges });
    if (!signal.aborted) printOut(password);
  } catch (error) {
    if (!signal.aborted) log.error(describeError(error));
    status ||= 1;
  } finally {
    password?.fill(0);
  }
  if (signals.received) endBySignal(signals.received);
  else process.exit(status);
}

/** That no plugin has succeeded is no fault of this program: what is typed then is as good. */
function statusOf(error: unknown): number {
  if (error instanceof UsageError) return EX_USAGE;
  if (!(error instanceof MandosError)) return 1;
  if (error.code === 'NO_PASSWORD') return 0;
  if (error.code !== 'PLUGIN_DIRECTORY') return 1;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'EACCES' ? EX_UNAVAILABLE : EX_OSERR;
}
