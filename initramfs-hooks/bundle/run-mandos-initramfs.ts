import { resolve } from 'node:path';
import { lastValue, parseCommandLine, UsageError } from '../../common/cli.js';
import type { Program } from '../../common/cli.js';
import { describeError, MandosError } from '../../common/errors.js';
import { createLog, standardErrorSink } from '../../common/log.js';
import { printOut } from '../../common/output.js';
import { findBundle, installBoot, makeCaches } from './install.js';
import { DEFAULT_NODE } from './layout.js';

/** sysexits(3). */
const EX_USAGE = 64;

/** `mandos-initramfs install-bundle`. */
export const INSTALL_BUNDLE: Program = {
  name: 'mandos-initramfs install-bundle',
  summary: "Puts the client's programs into a directory, lib/mandos of an image that is being made.",
  usage: ['DIRECTORY [OPTION]...'],
  options: [
    {
      name: 'node',
      argument: 'FILE',
      help: `The Node.js that will run them, and for which they are compiled. Default: ${DEFAULT_NODE}`,
    },
    { name: 'help', short: '?', help: 'Show this help and exit' },
    { name: 'usage', help: 'Show a short usage message and exit' },
    { name: 'version', short: 'V', help: 'Show the version and exit' },
  ],
};

/** `mandos-initramfs` alone. */
export const PROGRAM: Program = {
  name: 'mandos-initramfs',
  summary: 'Puts the Mandos client into images of the initramfs, and checks images.',
  usage: ['check [OPTION]... [IMAGE...]', 'install-bundle DIRECTORY [OPTION]...'],
  options: INSTALL_BUNDLE.options.filter(({ name }) => name !== 'node'),
  notes: '"mandos-initramfs COMMAND --help" tells more of a command.\n',
};

/** mandos-initramfs(8): the first word is what to do. */
export async function main(argv: readonly string[]): Promise<void> {
  const log = createLog(standardErrorSink(PROGRAM.name), 'info');
  try {
    const [command, ...args] = argv;
    if (command === 'install-bundle') {
      installBundle(args, message => log.warning(message));
      return;
    }
    if (command === 'check') {
      const { checkMain } = await import('../../client-plugin/check/main.js');
      await checkMain(args);
      return;
    }
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'run') throw new UsageError(`say what to do (see ${PROGRAM.name} --help)`);
    printOut(commandLine.text);
  } catch (error) {
    log.error(describeError(error));
    process.exitCode = error instanceof UsageError ? EX_USAGE : 1;
  }
}

function installBundle(argv: readonly string[], warn: (message: string) => void): void {
  const [first] = argv;
  const directory = first?.startsWith('-') ? undefined : first;
  const commandLine = parseCommandLine(INSTALL_BUNDLE, directory === undefined ? argv : argv.slice(1));
  if (commandLine.kind === 'print') {
    printOut(commandLine.text);
    return;
  }
  if (directory === undefined)
    throw new UsageError(`name the directory first (see ${INSTALL_BUNDLE.name} --help)`);
  const node = lastValue(commandLine.values, 'node') ?? DEFAULT_NODE;
  const target = resolve(directory);
  const source = findBundle(import.meta.dirname);
  try {
    installBoot(source, target, node);
  } catch (error) {
    const why = `cannot put the programs into ${target}: ${describeError(error)}`;
    throw new MandosError('INSTALL_BUNDLE', why, { cause: error });
  }
  const fault = makeCaches(target, node);
  if (fault !== undefined)
    warn(
      `the programs in ${target} will start more slowly, as they could not be compiled by ${node}: ${fault}`,
    );
}
