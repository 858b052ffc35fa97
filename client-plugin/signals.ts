import { constants } from 'node:os';

/** What ends a program that tidies up before: from its parent, a terminal, a terminal that goes away. */
const END_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
export type EndSignal = (typeof END_SIGNALS)[number];

/** When the system's own end of the process does not come, as for the first process of all. */
const LAST_RESORT_MS = 1000;

export interface EndSignals {
  /** Aborts with the first one. */
  readonly signal: AbortSignal;
  /** The first one. */
  readonly received: EndSignal | undefined;
}

/** Turns the first signal that ends a program into an abort, for it to tidy up; a second one ends it at once. */
export function onEndSignals(): EndSignals {
  const controller = new AbortController();
  let received: EndSignal | undefined;
  for (const name of END_SIGNALS) {
    process.on(name, () => {
      if (received) endBySignal(name);
      received ??= name;
      controller.abort(new Error(`ended by ${name}`));
    });
  }
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
  };
}

/** Ends the process as the signal would have, had nobody waited for it, so that its parent sees why. */
export function endBySignal(name: EndSignal): void {
  process.removeAllListeners(name);
  process.kill(process.pid, name);
  setTimeout(() => process.exit(128 + constants.signals[name]), LAST_RESORT_MS);
}
