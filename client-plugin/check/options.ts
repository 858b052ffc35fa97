import { lastValue, parseCommandLine, UsageError } from '../../common/cli.js';
import type { Program } from '../../common/cli.js';
import { splitOperands } from '../../common/operands.js';
import { HELP_OPTIONS } from '../standard-options.js';

/** Seconds for a server to be found and asked, as mandos-keygen(8) --test has. */
const DEFAULT_TIMEOUT_S = 60;
/** A day: nobody waits longer for a test. */
const LONGEST_TIMEOUT_S = 86_400;

/** The command line of mandos-initramfs(8), check. */
export const PROGRAM: Program = {
  name: 'mandos-initramfs check',
  summary: 'Looks into initramfs images and says whether this machine would unlock itself with them.',
  usage: ['[OPTION]... [IMAGE...]', '--all [OPTION]...'],
  options: [
    { name: 'all', short: 'a', help: 'Check the images of all kernels in /boot' },
    {
      name: 'ask-server',
      help: 'Ask the servers for the password with the keys in the image, and try it on the volumes',
    },
    {
      name: 'timeout',
      argument: 'SECONDS',
      help: `With --ask-server: seconds after which it is given up. Default: ${DEFAULT_TIMEOUT_S}`,
    },
    { name: 'quiet', short: 'q', help: 'Show problems only' },
    { name: 'dump-json', short: 'j', help: 'Show the findings as JSON' },
    ...HELP_OPTIONS,
  ],
  notes: `Without IMAGE and --all it is the image of the running kernel. Exit status: 0 when all is well, warnings
aside; 1 when something FAILs; 64 for a wrong command line.
`,
};

export interface CheckRequest {
  /** Files to check; empty: the running kernel's. */
  readonly images: readonly string[];
  readonly all: boolean;
  /** Ask the servers, for so long at most; undefined: do not. */
  readonly askMs: number | undefined;
  readonly quiet: boolean;
  readonly json: boolean;
}

/**
 * @param argv what stands behind `check`
 * @returns the request, or a text to print
 * @throws UsageError
 */
export function readRequest(argv: readonly string[]): CheckRequest | string {
  const { options, operands } = splitOperands(PROGRAM, argv);
  const commandLine = parseCommandLine(PROGRAM, options);
  if (commandLine.kind === 'print') return commandLine.text;
  const { values } = commandLine;
  if (values.has('all') && operands.length > 0)
    throw new UsageError('--all is all images in /boot: name images, or give --all');
  const timeout = lastValue(values, 'timeout');
  if (timeout !== undefined && !values.has('ask-server'))
    throw new UsageError('--timeout is for --ask-server: add it');
  return {
    images: operands,
    all: values.has('all'),
    askMs: values.has('ask-server') ? timeoutMs(timeout) : undefined,
    quiet: values.has('quiet'),
    json: values.has('dump-json'),
  };
}

function timeoutMs(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_S * 1000;
  const seconds = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : 0;
  if (seconds <= 0 || seconds > LONGEST_TIMEOUT_S)
    throw new UsageError(
      `--timeout: "${text}" is not a number of seconds up to ${LONGEST_TIMEOUT_S} (try --timeout=${DEFAULT_TIMEOUT_S})`,
    );
  return seconds * 1000;
}
