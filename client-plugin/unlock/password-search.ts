import type { Clock } from '../clock.js';
import { describeError, MandosError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';

/** Before the first search after one that brought nothing, or a password that opens nothing. */
export const FIRST_PAUSE_MS = 30_000;

/** Between two searches, which double their pauses: who mends the server need not visit the machine. */
export const LONGEST_PAUSE_MS = 600_000;

/** Faults that no time and no server will mend. */
const HOPELESS_CODES = new Set(['KEY_FILE', 'TLS_KEY', 'PLUGIN_DIRECTORY', 'USAGE']);

/** Whether a search can never bring anything; of several ways to look, none may be left. */
function isHopeless(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isHopeless);
  if (!(error instanceof MandosError)) return false;
  return HOPELESS_CODES.has(error.code) || (error.code === 'NO_PASSWORD' && isHopeless(error.cause));
}

/** Looks for a password; settles only after it has tidied up. */
export type Obtain = (log: Log, signal: AbortSignal) => Promise<Uint8Array>;

export interface SearchOptions {
  readonly obtain: Obtain;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * Gets passwords one after the other: the next one when the last has turned out to be of no use.
 * @param accept takes a password over; resolves when another one is needed
 * @throws MandosError when there can never be one; the signal's reason
 */
export async function searchPasswords(
  { obtain, clock, log, signal }: SearchOptions,
  accept: (password: Uint8Array) => Promise<void>,
): Promise<never> {
  const said = new Set<string>();
  let isFirst = true;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const searchLog = isFirst ? rememberLines(log, said) : dropRepeats(log, said);
    isFirst = false;
    const password = await obtain(searchLog, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      if (isHopeless(error)) throw error;
      const again = `looking again in ${pauseMs / 1000} s`;
      dropRepeats(log, said).warning(`no password: ${describeError(error)}; ${again}`);
      return undefined;
    });
    if (password?.length === 0) log.warning('the password from the server is empty: nobody is given it');
    else if (password) await accept(password);
    await pause(pauseMs, clock, signal);
  }
}

/** A search that is repeated must not fill the console with what stands there already. */
function dropRepeats(log: Log, said: Set<string>): Log {
  const once = (level: 'warning' | 'info') => (message: string) =>
    log[said.has(message) ? 'debug' : level](message);
  return rememberLines({ ...log, warning: once('warning'), info: once('info') }, said);
}

/** Different lines that are remembered; a search says a dozen. */
const REMEMBERED_LINES = 256;

function rememberLines(log: Log, said: Set<string>): Log {
  const remember = (level: 'warning' | 'info') => (message: string) => {
    log[level](message);
    if (said.size < REMEMBERED_LINES) said.add(message);
  };
  return { ...log, warning: remember('warning'), info: remember('info') };
}

/** @throws the signal's reason when it aborts */
async function pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const giveUp = () => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    });
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}
