#!/usr/bin/env node
import { parseCommandLine, UsageError } from '../common/cli.js';
import { describeError } from '../common/errors.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { checkConfig } from './check-config.js';
import { PROGRAM } from './command-line.js';
import { systemFiles } from './config/files.js';

/** Exit status of argparse, and so of the original, for a wrong command line. */
const EXIT_USAGE = 2;

async function main(argv: readonly string[]): Promise<void> {
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
    } else if (commandLine.values.has('check')) {
      const { text, exitStatus } = checkConfig(commandLine.values, systemFiles);
      printOut(text);
      process.exitCode = exitStatus;
    } else {
      const { serve } = await import('./serve.js');
      await serve(commandLine.values);
    }
  } catch (error) {
    const log = createLog(standardErrorSink(PROGRAM.name), 'info');
    if (error instanceof UsageError) {
      log.error(describeError(error));
      process.exitCode = EXIT_USAGE;
    } else {
      log.critical(describeError(error));
      process.exitCode = 1;
    }
  }
}

await main(process.argv.slice(2));
