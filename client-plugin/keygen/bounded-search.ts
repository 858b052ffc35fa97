import type { MandosError } from '../../common/errors.js';
import { systemClock } from '../clock.js';
import type { SearchWatcher } from '../obtain.js';
import { Refusals } from './refusals.js';

/** Milliseconds for servers that answer to discovery after the first ones; mDNS answers within a second, or its repeat. */
const OTHER_SERVERS_MS = 5_000;

/** What a search for the password is run with. */
export interface SearchBounds {
  /** Gives the search up; the promise has to be rejected then. */
  readonly signal: AbortSignal;
  /** To be told how it goes. */
  readonly watcher: SearchWatcher;
}

/**
 * Runs a search for the password, which by itself tries for ever, until it has it, all servers have refused, or the
 * time is over.
 * @param given the servers were named, so that no others will be found
 * @param timedOut what to say when the time is over, with the answers so far, or ''
 * @throws MandosError TEST_REFUSED (all servers have), `timedOut`'s, and what the search throws
 */
export async function boundedSearch<T>(
  { timeout, given }: { readonly timeout: AbortSignal; readonly given: boolean },
  search: (bounds: SearchBounds) => Promise<T>,
  timedOut: (reasons: string) => MandosError,
): Promise<T> {
  const refused = new AbortController();
  const refusals = new Refusals({
    graceMs: given ? 0 : OTHER_SERVERS_MS,
    clock: systemClock,
    end: reason => refused.abort(reason),
  });
  try {
    return await search({ signal: AbortSignal.any([timeout, refused.signal]), watcher: refusals });
  } catch (error) {
    throw timeout.aborted ? timedOut(refusals.reasons) : error;
  } finally {
    refusals.stop();
  }
}
