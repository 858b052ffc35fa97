import { lastValue } from '../../common/cli.js';
import type { Program } from '../../common/cli.js';
import { MandosError } from '../../common/errors.js';
import type { InProcessPlugin } from '../plugin.js';
import { runProcess } from '../plugin-runner/process-plugin.js';
import { pluginOptions, runAsProgram } from '../plugin-program.js';
import { findDaemon, restartDaemon } from './plymouth-daemon.js';
import { volumePrompt } from './prompt-text.js';
import { DEBUG_OPTION, HELP_OPTIONS } from '../standard-options.js';

/** plymouth(1), which talks to the daemon. */
const PLYMOUTH = '/bin/plymouth';

/** The command line of plymouth(8mandos). */
export const PROGRAM: Program = {
  name: 'plymouth',
  summary: 'Asks for the password on the splash screen of plymouth(8), and prints it.',
  usage: ['[OPTION]...'],
  options: [
    {
      name: 'prompt',
      argument: 'PROMPT',
      help: 'Ask with this, whatever the environment says of the volume',
    },
    DEBUG_OPTION,
    ...HELP_OPTIONS,
  ],
  notes: `Exit status: 0 with a password; 69 when plymouthd is not running; 1 when it gave no password; 64 for a
wrong command line.
`,
};

/** sysexits(3), as the original. */
const EX_UNAVAILABLE = 69;

/** Asks through plymouth, which cannot be told that nobody needs the answer any more: it is started anew then. */
export const plymouthPlugin: InProcessPlugin = async (argv, { environment, log, signal, privileges }) => {
  const values = pluginOptions(PROGRAM, argv);
  const run = (...args: string[]) =>
    runProcess(
      { file: PLYMOUTH, args, environment, userId: 0, groupId: 0 },
      { privileges, signal, started: pid => log.debug(`${PLYMOUTH} ${args[0]} is process ${pid}`) },
    );
  try {
    await run('--ping');
  } catch (error) {
    signal.throwIfAborted();
    throw new MandosError('PLYMOUTH_MISSING', 'plymouthd is not running', { cause: error });
  }
  const daemon = findDaemon();
  try {
    const prompt = lastValue(values, 'prompt') ?? volumePrompt(environment);
    return await run('ask-for-password', `--prompt=${prompt}`);
  } catch (error) {
    if (!signal.aborted) throw error;
    if (daemon) await restartDaemon(daemon, PLYMOUTH, privileges, log);
    throw error;
  }
};

/** plymouth as a program. */
export function main(argv: readonly string[]): Promise<void> {
  return runAsProgram(PROGRAM, plymouthPlugin, argv, { PLYMOUTH_MISSING: EX_UNAVAILABLE });
}
