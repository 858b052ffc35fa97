import { closeSync, constants, openSync } from 'node:fs';
import { isatty, ReadStream } from 'node:tty';
import { describeError, MandosError } from '../../common/errors.js';
import { setEcho } from '../../common/libc-terminal.js';
import type { Privileges } from '../privileges.js';

const STANDARD_INPUT = 0;

/** A terminal to ask on. Opened anew: what is set on it is not set for others that have it open. */
export interface Terminal {
  readonly input: ReadStream;
  /** Shows what is typed again, if it did before, and closes it. */
  close(): void;
}

/**
 * Opens a terminal that shows nothing of what is typed.
 * @param controlling take the controlling terminal (tty(4)) if there is one; else standard input
 * @param privileges for a console that only root may open
 * @throws MandosError NO_TERMINAL
 */
export function openTerminal(controlling: boolean, privileges: Privileges): Terminal {
  return privileges.asRoot(() => open(controlling));
}

function open(controlling: boolean): Terminal {
  const descriptor = (controlling ? tryOpen('/dev/tty') : undefined) ?? openStandardInput();
  let input: ReadStream;
  let wasShowing: boolean;
  try {
    wasShowing = setEcho(descriptor, false);
    input = new ReadStream(descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw noTerminal(error);
  }
  const show = () => {
    try {
      if (wasShowing) setEcho(descriptor, true);
    } catch {
      // The terminal has gone.
    }
  };
  // For an end of the process that comes without warning.
  process.once('exit', show);
  return {
    input,
    close() {
      process.off('exit', show);
      show();
      input.destroy();
    },
  };
}

function openStandardInput(): number {
  if (!isatty(STANDARD_INPUT)) throw noTerminal();
  const again = tryOpen(`/proc/self/fd/${STANDARD_INPUT}`);
  // The descriptor itself where it cannot be opened again, as by another user than the console's.
  return again ?? STANDARD_INPUT;
}

function tryOpen(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function noTerminal(cause?: unknown): MandosError {
  const why = cause === undefined ? '' : `: ${describeError(cause)}`;
  return new MandosError('NO_TERMINAL', `there is no terminal to ask for the password on${why}`, { cause });
}
