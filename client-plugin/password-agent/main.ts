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
import type { Asking } from './wait-for-question.js';
import { waitForQuestion } from './wait-for-question.js';
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
    else status = await runAgent(agentOptions(commandLine.values, operands), log, signals.signal);
  } catch (error) {
    if (!signals.signal.aborted) log.error(describeError(error));
    status = error instanceof UsageError ? EX_USAGE : 1;
  }
  if (signals.received) endBySignal(signals.received);
  else process.exit(status);
}

/**
 * Searches and answers each time that a disk's password is asked for, until nobody asks for anything.
 * @returns the exit status: 1 when there can never be a password
 */
async function runAgent(options: AgentOptions, log: Log, signal: AbortSignal): Promise<number> {
  disableCoreDumps();
  const directory = options.agentDirectory;
  const privileges = processPrivileges(options.userId, options.groupId);
  const clock = systemClock;
  const changes = (look: () => void) => watchDirectory(directory, look);
  const said = new Set<string>();
  const newSearch = () => new AskedVolumes({ directory, privileges, clock, log, said });
  const asking = () => whoAsks(newSearch(), directory);
  if (asking() === 'nobody')
    throw new MandosError('NO_QUESTION', `nobody asks for a password in ${directory}`);
  while (await waitForQuestion({ look: asking, changes, clock, signal })) {
    const asked = newSearch();
    try {
      await unlockVolumes({
        obtain: clientSearch(options, privileges),
        look: () => asked.look(),
        answer: (question, password) => asked.answer(question, password),
        changes,
        clock,
        log,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      log.error(describeError(error));
      // Ended now, it would be started again at once, and fail again.
      const look = () => (asking() === 'nobody' ? 'nobody' : 'others');
      await waitForQuestion({ look, changes, clock, signal });
      return 1;
    }
  }
  return 0;
}

function whoAsks(asked: AskedVolumes, directory: string): Asking {
  try {
    return asked.asking();
  } catch (error) {
    throw new MandosError('AGENT_DIRECTORY', `cannot read ${directory}: ${describeError(error)}`, {
      cause: error,
    });
  }
}
