#!/usr/bin/env node
import { parseCommandLine, UsageError } from '../common/cli.js';
import { describeError } from '../common/errors.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { watchServer } from './mirror/watch-server.js';
import { PROGRAM } from './screen/command-line.js';
import { chooseDisplay } from './screen/looks.js';
import { runScreen } from './screen/run.js';
import { openTerminal } from './screen/terminal.js';

/** Exit status for a wrong command line, or a place where there is no screen. */
const EXIT_USAGE = 2;

/** Signals that end the program, by number: the exit status is 128 more, as of a shell. */
const ENDINGS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

const log = createLog(standardErrorSink(PROGRAM.name), 'info');

async function main(argv: readonly string[]): Promise<void> {
  const commandLine = parseCommandLine(PROGRAM, argv);
  if (commandLine.kind === 'print') {
    printOut(commandLine.text);
    return;
  }
  const problem = terminalProblem();
  if (problem !== undefined) {
    log.error(`${problem}; mandos-ctl shows the clients without one`);
    process.exitCode = EXIT_USAGE;
    return;
  }
  await monitor();
}

/** Why there can be no screen, or undefined. */
function terminalProblem(): string | undefined {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return 'standard input and output must be a terminal';
  const term = process.env['TERM'];
  if (!term || term === 'dumb' || term === 'unknown')
    return `the terminal cannot place text, as TERM is "${term ?? ''}": run it on one that can, and set TERM`;
  return undefined;
}

async function monitor(): Promise<void> {
  const terminal = openTerminal(process.stdin, process.stdout, process.env['TERM']);
  const server = watchServer();
  process.on('exit', () => terminal.close());
  process.on('uncaughtException', error => {
    terminal.close();
    log.critical(`internal error, please report it: ${describeError(error)}`);
    process.exit(1);
  });
  for (const [signal, number] of Object.entries(ENDINGS))
    process.on(signal, () => process.exit(128 + number));
  await runScreen(terminal, server, chooseDisplay(process.env));
  server.close();
  terminal.close();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  log.error(describeError(error));
  process.exit(error instanceof UsageError ? EXIT_USAGE : 1);
}
