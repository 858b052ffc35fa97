import type { ClientSettings } from '../../../server/client/settings.js';
import { Heart, settingsOf } from './heart.js';

export const SECRET = 'secret of a';
export const DELAY_MS = 3_000;
export const DURATION_MS = 2_000;
/** How long a release waits for a busy disk. */
export const COUNT_WAIT_MS = 2_000;
export const COUNTED = 'releases releasesSinceEnabled lastReleaseMs';
export const ASKED = ['lastApprovalRequestMs pendingApprovals', `approval-needed: ${DELAY_MS}`];

/** A client `a` whose requests wait, if nothing else is said. */
export function start(change: Partial<ClientSettings> = {}, ...others: ClientSettings[]): Heart {
  const a = settingsOf('a', {
    approvalDelayMs: DELAY_MS,
    approvalDurationMs: DURATION_MS,
    ...change,
  });
  return new Heart([a, ...others]);
}

/** A client without approval. */
export function startPlain(): Heart {
  return start({ approvalDelayMs: 0 });
}
