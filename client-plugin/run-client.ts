import { parseCommandLine, UsageError } from '../common/cli.js';
import { endOnCrash } from '../common/crash.js';
import { describeError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { obtain } from './ask-servers.js';
import { readClientKeys, wipeKeys } from './client-keys.js';
import { PASSWORD_WAITS_MS, startNetwork } from './network/network.js';
import { clientOptions, EX_USAGE, PROGRAM } from './options.js';
import type { InProcessPlugin } from './plugin.js';
import { processPrivileges } from './privileges.js';
import { endBySignal, onEndSignals } from './signals.js';

/** mandos-client within this process: root rights stay given up when it has settled. */
export const mandosClientPlugin: InProcessPlugin = async (argv, context) => {
  const { environment, signal, privileges } = context;
  const commandLine = parseCommandLine(PROGRAM, argv);
  if (commandLine.kind === 'print') throw new UsageError('--help, --usage and --version get no password');
  const options = clientOptions(commandLine.values);
  const log = options.debug ? withDebug(context.log) : context.log;
  options.unused.forEach(message => log.info(message));
  // Rights may have been given up before: a password that did not open the disk is asked for again.
  const keys = privileges.asRoot(() => readClientKeys(options));
  try {
    signal.throwIfAborted();
    const network = startNetwork({
      choice: options.interfaces,
      hooks: options.hooks,
      environment,
      privileges,
      log,
    });
    try {
      const beforeNetwork = () => privileges.lower();
      return (await obtain(options, keys, { log, signal, beforeNetwork })).password;
    } finally {
      // A process that is ended by a signal does nothing at its end: all is tidied up before.
      await network.stop(signal.aborted ? undefined : PASSWORD_WAITS_MS);
    }
  } finally {
    wipeKeys(keys);
  }
};

/** Says on the console what the plugin's own `--debug` asks for. */
function withDebug(log: Log): Log {
  if (log.isEnabled('debug')) return log;
  return { ...log, debug: message => log.info(`debug: ${message}`), isEnabled: () => true };
}

/** mandos-client as a program: the password goes to standard output, and the process ends. */
export async function main(argv: readonly string[]): Promise<void> {
  const sink = standardErrorSink(PROGRAM.name);
  let log = createLog(sink, 'info');
  endOnCrash(() => log);
  const signals = onEndSignals();
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      return;
    }
    if (commandLine.values.has('debug')) log = createLog(sink, 'debug');
    const password = await mandosClientPlugin(argv, {
      environment: process.env,
      log,
      signal: signals.signal,
      privileges: processPrivileges(),
    });
    try {
      // Without a newline: cryptsetup takes every byte.
      if (!signals.signal.aborted) printOut(password);
    } finally {
      password.fill(0);
    }
    // Tries that lost may still be decrypting; nobody waits for them.
    if (!signals.signal.aborted) process.exit(0);
  } catch (error) {
    if (!signals.signal.aborted) {
      log.error(describeError(error));
      process.exit(error instanceof UsageError ? EX_USAGE : 1);
    }
  }
  if (signals.received) endBySignal(signals.received);
}
