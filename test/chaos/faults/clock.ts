import type { Fault } from '../fault.js';
import { RECOVERY_LIMIT_MS, withinLimit } from '../fault.js';
import type { Site } from '../site.js';

const HOUR_SECONDS = 3_600;
/** Less than any step, more than any test takes. */
const NEAR_MS = 1_000_000;

/** A server that has been started again goes by the clock that was set: it had been, for the program that is tested. */
async function goesBy(site: Site, seconds: number): Promise<void> {
  const isNear = async () => {
    const { web } = (await site.clients()) ?? {};
    const checkedMs = Date.parse(`${web?.LastCheckedOK ?? ''}Z`);
    return Math.abs(checkedMs - (Date.now() + seconds * 1_000)) < NEAR_MS;
  };
  await withinLimit(isNear, RECOVERY_LIMIT_MS, 'a check by the new clock');
}

/** The server's clock is set, and stays so when the server is started again. */
const step = (name: string, seconds: number): Fault => ({
  name: `the server's clock is set ${name}`,
  hasClock: true,
  // Under libfaketime the original leaves most clients waiting for ever.
  programs: ['ours'],
  holdMs: 8_000,
  isServed: true,
  apply: site => Promise.resolve(site.setClock(`${seconds < 0 ? '' : '+'}${seconds}`)),
  undo: () => Promise.resolve(),
  restarted: site => goesBy(site, seconds),
});

/** The client's has been so from the start, as with an empty battery. */
const wrong = (text: string, name: string): Fault => ({
  name: `the client's clock ${name}`,
  holdMs: 15_000,
  isServed: true,
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
    restarted: site => goesBy(site, 0),
  },
  wrong('-86400', 'is a day slow'),
  wrong('@2001-01-01 00:00:00', 'is in 2001'),
  wrong('@2037-01-01 00:00:00', 'is in 2037'),
];
