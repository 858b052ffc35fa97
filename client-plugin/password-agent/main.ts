import { parseCommandLine, UsageError } from '../../common/cli.js';
import { endOnCrash } from '../../common/crash.js';
import { describeError, MandosError } from '../../common/errors.js';
import { disableCoreDumps } from '../../common/libc.js';
import type { Log } from '../../common/log.js';
import { createLog, standardErrorSink } from '../../common/log.js';
import { splitOperands } from '../../common/operands.js';
import { printOut } from '../../common/output.js';
import { systemClock } from '../clock.js';
import { EX_USAGE } from '../options.js';
import { processPrivileges } from '../privileges.js';
import { endBySignal, onEndSignals } from '../signals.js';
import { unlockVolumes } from '../unlock/unlock-volumes.js';
import { AskedVolumes } from './asked-volumes.js';
import { clientSearch } from './client-search.js';
import type { AgentOptions } from './options.js';
import { agentOptions, PROGRAM } from './options.js';
import { selfTest } from './self-test.js';
import { watchDirectory } from './watch-directory.js';

/** password-agent as a program. */
export async function main(argv: readonly string[]): Promise<void> {
  const log = createLog(standardErrorSink(PROGRAM.name), 'info');
  endOnCrash(() => log);
  const signals = onEndSignals();
  let status = 0;
  try {
    const { options, operands } = splitOperands(PROGRAM, argv);
    const commandLine = parseCommandLine(PROGRAM, options);
    if (commandLine.kind === 'print') printOut(commandLine.text);
    else if (commandLine.values.has('test')) printOut(selfTest());
    else await runAgent(agentOptions(commandLine.values, operands), log, signals.signal);
  } catch (error) {
    if (!signals.signal.aborted) log.error(describeError(error));
    status = error instanceof UsageError ? EX_USAGE : 1;
  }
  if (signals.received) endBySignal(signals.received);
  else process.exit(status);
}

async function runAgent(options: AgentOptions, log: Log, signal: AbortSignal): Promise<void> {
  disableCoreDumps();
  const directory = options.agentDirectory;
  const privileges = processPrivileges(options.userId, options.groupId);
  const asked = new AskedVolumes({ directory, privileges, clock: systemClock, log });
  if (readFirst(asked, directory) === 0)
    throw new MandosError('NO_QUESTION', `nobody asks for a disk's password in ${directory}`);
  await unlockVolumes({
    obtain: clientSearch(options, privileges),
    look: () => asked.look(),
    answer: (question, password) => asked.answer(question, password),
    changes: look => watchDirectory(directory, look),
    clock: systemClock,
    log,
    signal,
  });
}

function readFirst(asked: AskedVolumes, directory: string): number {
  try {
    return asked.look().questions.length;
  } catch (error) {
    throw new MandosError('AGENT_DIRECTORY', `cannot read ${directory}: ${describeError(error)}`, {
      cause: error,
    });
  }
}
