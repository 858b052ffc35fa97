#!/usr/bin/env node
import { resolve } from 'node:path';
import type { OptionValues } from '../common/cli.js';
import { lastValue, parseCommandLine, UsageError } from '../common/cli.js';
import { describeError } from '../common/errors.js';
import { createLog } from '../common/log.js';
import { printOut } from '../common/output.js';
import { checkConfig } from './check-config.js';
import { PROGRAM } from './command-line.js';
import { systemFiles } from './config/files.js';
import { background } from './host/background-child.js';
import { runInBackground } from './host/background.js';
import { keepYoungHeapSmall } from './host/heap.js';
import { chooseLogSink } from './host/log-sink.js';
import { loadOptions } from './options.js';
import { catchSignals } from './signals.js';

/** Exit status of argparse, and so of the original, for a wrong command line. */
const EXIT_USAGE = 2;

/** Options that do something else than serve. */
const ACTIONS = ['check', 'explain', 'import-state', 'export-state', 'take-over', 'hand-over'];

const child = background();

async function main(argv: readonly string[]): Promise<void> {
  const commandLine = parseCommandLine(PROGRAM, argv);
  if (commandLine.kind === 'print') {
    printOut(commandLine.text);
    return;
  }
  const values = withAbsolutePaths(commandLine.values);
  refuseTwoActions(values);
  if (values.has('check')) {
    const { text, exitStatus } = checkConfig(values, systemFiles);
    printOut(text);
    process.exitCode = exitStatus;
    return;
  }
  if (values.has('explain')) {
    const { runExplain } = await import('./explain/run-explain.js');
    process.exitCode = await runExplain(values);
    return;
  }
  keepYoungHeapSmall();
  const loaded = loadOptions(values, systemFiles);
  if (values.has('import-state')) {
    const { runImport } = await import('./run-import.js');
    await runImport(values, loaded);
  } else if (values.has('export-state')) {
    const { runExport } = await import('./run-export.js');
    await runExport(values, loaded);
  } else if (values.has('hand-over')) {
    const { runHandOver } = await import('./run-export.js');
    await runHandOver(loaded);
  } else if (values.has('take-over')) {
    const { runTakeOver } = await import('./run-take-over.js');
    await runTakeOver(loaded);
  } else if (child || loaded.options.foreground) {
    const signals = catchSignals();
    const { serve } = await import('./serve.js');
    await serve(values, loaded, signals, child);
  } else process.exitCode = await runInBackground(argv);
}

/** @throws UsageError */
function refuseTwoActions(values: OptionValues): void {
  const [one, other] = ACTIONS.filter(name => values.has(name));
  if (one !== undefined && other !== undefined)
    throw new UsageError(`--${one} and --${other} are two things: run one, then the other`);
}

/** The server leaves the directory in which it was started, and reads its configuration again later. */
function withAbsolutePaths(values: OptionValues): OptionValues {
  const absolute = new Map(values);
  for (const option of ['configdir', 'statedir']) {
    const path = lastValue(values, option);
    if (path) absolute.set(option, [resolve(path)]);
  }
  return absolute;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const log = createLog(chooseLogSink(PROGRAM.name, child), 'info');
  if (error instanceof UsageError) log.error(describeError(error));
  else log.critical(describeError(error));
  // Whatever a start that failed has begun ends here.
  process.exit(error instanceof UsageError ? EXIT_USAGE : 1);
}
