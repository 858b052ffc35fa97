import { lastValue } from '../../common/cli.js';
import type { OptionValues, Program } from '../../common/cli.js';
import { MandosError } from '../../common/errors.js';
import type { InProcessPlugin } from '../plugin.js';
import { askPassword } from './ask-password.js';
import { pluginOptions, runAsProgram } from '../plugin-program.js';
import { isPlymouthRunning } from './plymouth-daemon.js';
import { volumePrompt } from './prompt-text.js';
import { DEBUG_OPTION, HELP_OPTIONS } from '../standard-options.js';

/** The command line of password-prompt(8mandos). */
export const PROGRAM: Program = {
  name: 'password-prompt',
  summary: 'Asks for the password on the console, and prints it.',
  usage: ['[OPTION]...'],
  options: [
    { name: 'prefix', short: 'p', argument: 'PREFIX', help: 'Show this before the prompt' },
    {
      name: 'prompt',
      argument: 'PROMPT',
      help: 'Ask with this, whatever the environment says of the volume',
    },
    DEBUG_OPTION,
    ...HELP_OPTIONS,
  ],
  notes: `Exit status: 0 with a password, which is printed without a newline; 1 when plymouthd is running, which
asks itself; 69 without a terminal; 64 for a wrong command line.
`,
};

/** sysexits(3), as the original without a terminal. */
const EX_UNAVAILABLE = 69;

/** Asks on standard input, which is the console in the initramfs. */
export const passwordPromptPlugin: InProcessPlugin = async (
  argv,
  { environment, log, signal, privileges },
) => {
  const values = pluginOptions(PROGRAM, argv);
  if (isPlymouthRunning())
    throw new MandosError('PLYMOUTH_RUNS', 'plymouthd is running, and asks for the password itself');
  const prompt = promptText(values, environment);
  log.debug('asking for the password on the console');
  return askPassword({ prompt, controlling: false, signal, privileges });
};

function promptText(values: OptionValues, environment: Readonly<Record<string, string | undefined>>): string {
  const prefix = lastValue(values, 'prefix');
  const text = lastValue(values, 'prompt') ?? volumePrompt(environment);
  return `${prefix === undefined ? '' : `${prefix} `}${text}: `;
}

/** password-prompt as a program. */
export function main(argv: readonly string[]): Promise<void> {
  return runAsProgram(PROGRAM, passwordPromptPlugin, argv, { NO_TERMINAL: EX_UNAVAILABLE });
}
