import { parseCommandLine, UsageError } from '../common/cli.js';
import { endOnCrash } from '../common/crash.js';
import { describeError } from '../common/errors.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { obtain } from './ask-servers.js';
import { readClientKeys } from './client-keys.js';
import { clientOptions, EX_USAGE, PROGRAM } from './options.js';

/**
 * mandos-client as a program: the password goes to standard output, and the process ends. A signal ends it as it ends
 * any program: there is nothing to tidy up, and nothing is on standard output before the whole password is.
 */
export async function main(argv: readonly string[]): Promise<void> {
  let log = createLog(standardErrorSink(PROGRAM.name), 'info');
  endOnCrash(() => log);
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      return;
    }
    const options = clientOptions(commandLine.values);
    if (options.debug) log = createLog(standardErrorSink(PROGRAM.name), 'debug');
    options.unused.forEach(message => log.info(message));
    const signal = new AbortController().signal;
    const { password } = await obtain(options, readClientKeys(options), { log, signal });
    try {
      // Without a newline: cryptsetup takes every byte.
      printOut(password);
    } finally {
      password.fill(0);
    }
    // Tries that lost may still be decrypting; nobody waits for them.
    process.exit(0);
  } catch (error) {
    log.error(describeError(error));
    process.exitCode = error instanceof UsageError ? EX_USAGE : 1;
  }
}
