import { describeError } from './errors.js';
import type { Log } from './log.js';

/**
 * Ends the process with a line in the log, and the stack at debug level, where nobody else catches an error. What is
 * in an unknown state must not go on and release secrets.
 * @param log read when it happens, so that its level is the one in force
 */
export function endOnCrash(log: () => Log): void {
  process.on('uncaughtException', error => {
    log().critical(`internal error, please report it: ${describeError(error)}`);
    log().debug(error instanceof Error ? (error.stack ?? '') : '');
    process.exit(1);
  });
}
