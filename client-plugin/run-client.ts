import { parseCommandLine, UsageError } from '../common/cli.js';
import type { Log } from '../common/log.js';
import { obtain } from './ask-servers.js';
import { readClientKeys, wipeKeys } from './client-keys.js';
import { PASSWORD_WAITS_MS, startNetwork } from './network/network.js';
import { clientOptions, PROGRAM } from './options.js';
import { pluginOptions, runAsProgram } from './plugin-program.js';
import type { InProcessPlugin } from './plugin.js';

/** mandos-client within this process: root rights stay given up when it has settled. */
export const mandosClientPlugin: InProcessPlugin = async (argv, context) => {
  const { environment, signal, privileges } = context;
  const values = pluginOptions(PROGRAM, argv);
  if (values.has('explain')) throw new UsageError('--explain gets no password');
  const options = clientOptions(values);
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

/** mandos-client as a program. */
export async function main(argv: readonly string[]): Promise<void> {
  if (!isExplanation(argv)) return await runAsProgram(PROGRAM, mandosClientPlugin, argv);
  const explain = await import('./explain/main.js');
  return await explain.main(argv);
}

/** What is wrong with a command line is told where it is used. */
function isExplanation(argv: readonly string[]): boolean {
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    return commandLine.kind === 'run' && commandLine.values.has('explain');
  } catch {
    return false;
  }
}
