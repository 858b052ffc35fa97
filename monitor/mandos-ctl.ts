#!/usr/bin/env node
import { parseCommandLine, UsageError } from '../common/cli.js';
import { describeError, MandosError } from '../common/errors.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { splitOperands } from '../common/operands.js';
import { printOut } from '../common/output.js';
import { PROGRAM } from './ctl/command-line.js';
import { readRequest } from './ctl/request.js';
import { EXIT_USAGE, run } from './ctl/run.js';

async function main(argv: readonly string[]): Promise<void> {
  const log = createLog(standardErrorSink(PROGRAM.name), 'debug');
  try {
    const { options, operands } = splitOperands(PROGRAM, argv);
    const commandLine = parseCommandLine(PROGRAM, options);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      return;
    }
    const request = readRequest(commandLine.values, operands);
    process.exitCode = await run(request, log, commandLine.values.has('debug'));
  } catch (error) {
    log.error(describeError(error));
    const isUsage = error instanceof UsageError || (error instanceof MandosError && error.code === 'FILE');
    process.exitCode = isUsage ? EXIT_USAGE : 1;
  }
}

await main(process.argv.slice(2));
