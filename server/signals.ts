import { isatty } from 'node:tty';

/** What signals ask of the server (mandos(8), SIGNALS). */
export interface SignalHandlers {
  reload(): void;
  status(): void;
}

export interface Signals {
  /** Resolves with the first signal that asks the server to stop. */
  readonly stop: Promise<NodeJS.Signals>;
  /** Says who obeys from now on; what was asked for before is done at once. */
  obey(handlers: SignalHandlers): void;
}

const STANDARD_ERROR = 2;

/**
 * Catches the signals from the very beginning: none may end a server that starts, and SIGUSR1 would make Node.js open
 * its debugger.
 */
export function catchSignals(): Signals {
  let handlers: SignalHandlers | undefined;
  const early = new Set<keyof SignalHandlers>();
  const ask = (what: keyof SignalHandlers) => {
    if (handlers) handlers[what]();
    else early.add(what);
  };
  const hadTerminal = isatty(STANDARD_ERROR);
  const stop = new Promise<NodeJS.Signals>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, resolve);
    process.on('SIGHUP', () => {
      // The kernel, when the terminal is closed: whoever watched the server there is gone.
      if (hadTerminal && !isatty(STANDARD_ERROR)) resolve('SIGHUP');
      else ask('reload');
    });
  });
  process.on('SIGUSR1', () => ask('status'));
  return {
    stop,
    obey(given) {
      handlers = given;
      for (const what of early) given[what]();
      early.clear();
    },
  };
}
