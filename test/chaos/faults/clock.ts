import type { Fault } from '../fault.js';

const HOUR_SECONDS = 3_600;

/** The server's clock is set, and stays so when the server is started again. */
const step = (name: string, seconds: number): Fault => ({
  name: `the server's clock is set ${name}`,
  hasClock: true,
  // Under libfaketime the original leaves most clients waiting for ever.
  programs: ['ours'],
  holdMs: 8_000,
  apply: site => Promise.resolve(site.setClock(`${seconds < 0 ? '' : '+'}${seconds}`)),
  undo: () => Promise.resolve(),
});

/** The client's has been so from the start, as with an empty battery. */
const wrong = (text: string, name: string): Fault => ({
  name: `the client's clock ${name}`,
  holdMs: 15_000,
  apply: site => Promise.resolve(site.setClientClock(text)),
  undo: site => {
    site.clientEnvironment = [];
    return Promise.resolve();
  },
});

/** What clocks do. */
export const CLOCK_FAULTS: readonly Fault[] = [
  step('an hour forward', HOUR_SECONDS),
  step('an hour back', -HOUR_SECONDS),
  step('a day forward', 24 * HOUR_SECONDS),
  step('a day back', -24 * HOUR_SECONDS),
  {
    ...step('a day forward, and back again', 24 * HOUR_SECONDS),
    undo: site => Promise.resolve(site.setClock('+0')),
  },
  wrong('-86400', 'is a day slow'),
  wrong('@2001-01-01 00:00:00', 'is in 2001'),
  wrong('@2037-01-01 00:00:00', 'is in 2037'),
];
