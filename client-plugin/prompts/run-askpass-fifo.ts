import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { Program } from '../../common/cli.js';
import { describeError, MandosError } from '../../common/errors.js';
import { makeFifo } from '../../common/libc-files.js';
import { SystemCallError } from '../../common/libc.js';
import { PASSWORD_LIMIT_BYTES, PasswordPipe } from '../password-pipe.js';
import type { InProcessPlugin } from '../plugin.js';
import { pluginOptions, runAsProgram } from '../plugin-program.js';
import { DEBUG_OPTION, HELP_OPTIONS } from '../standard-options.js';
import { FIFO_MODE, PASSFIFO as FIFO } from '../unlock/passfifo.js';

/** The command line of askpass-fifo(8mandos). */
export const PROGRAM: Program = {
  name: 'askpass-fifo',
  summary: `Prints the password that something else writes to ${FIFO}.`,
  usage: ['[OPTION]...'],
  options: [DEBUG_OPTION, ...HELP_OPTIONS],
  notes: `Exit status: 0 with what was written, byte for byte; 69 without the directory of the FIFO; 1 for other
faults; 64 for a wrong command line.
`,
};

/** sysexits(3), as the original. */
const EX_UNAVAILABLE = 69;

/** Waits for the first that writes to the FIFO and closes it. */
export const askpassFifoPlugin: InProcessPlugin = async (argv, { log, signal, privileges }) => {
  pluginOptions(PROGRAM, argv);
  signal.throwIfAborted();
  const pipe = new PasswordPipe(privileges.asRoot(openFifo), () => {});
  const abort = () => pipe.discard();
  signal.addEventListener('abort', abort, { once: true });
  try {
    log.debug(`waiting for a password in ${FIFO}`);
    await pipe.closed;
    signal.throwIfAborted();
    if (pipe.isTooLong)
      throw new MandosError('FIFO', `more than ${PASSWORD_LIMIT_BYTES} bytes were written to ${FIFO}`);
    return pipe.take();
  } finally {
    signal.removeEventListener('abort', abort);
    pipe.discard();
  }
};

/** Without waiting for a writer: for its beginning and end, the reader is woken up. */
function openFifo(): number {
  let descriptor: number | undefined;
  try {
    makeIfMissing();
    descriptor = openSync(FIFO, constants.O_RDONLY | constants.O_NONBLOCK);
    if (fstatSync(descriptor).isFIFO()) return descriptor;
  } catch (error) {
    const isMissing = error instanceof SystemCallError && error.errorName === 'ENOENT';
    const why = isMissing ? 'its directory is missing' : describeError(error);
    const text = `cannot open the FIFO ${FIFO}: ${why}`;
    throw new MandosError(isMissing ? 'FIFO_DIRECTORY' : 'FIFO', text, { cause: error });
  }
  closeSync(descriptor);
  throw new MandosError('FIFO', `${FIFO} is not a FIFO: remove it, and it will be made`);
}

function makeIfMissing(): void {
  try {
    makeFifo(FIFO, FIFO_MODE);
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.errorName !== 'EEXIST') throw error;
  }
}

/** askpass-fifo as a program. */
export function main(argv: readonly string[]): Promise<void> {
  return runAsProgram(PROGRAM, askpassFifoPlugin, argv, { FIFO_DIRECTORY: EX_UNAVAILABLE });
}
