import type { CheckOutcome, Client } from './client.js';
import { isExpired } from './client.js';
import { withChanges } from './with-changes.js';

/**
 * Moves on to the next tick of the checks that lies ahead.
 * @returns with `checking` set: a check is to begin now, if none is under way
 */
export function tick(client: Client, nowMs: number): Client {
  const { nextCheckMs, unchecked, settings } = client;
  if (nextCheckMs === undefined || nextCheckMs > nowMs) return client;
  const missed = Math.floor((nowMs - nextCheckMs) / settings.intervalMs);
  return withChanges(client, {
    nextCheckMs: nextCheckMs + (missed + 1) * settings.intervalMs,
    checking: true,
    unchecked: false,
    expiresMs: unchecked ? nowMs + settings.intervalMs : client.expiresMs,
  });
}

/** Begins a check out of turn, of a disabled client too; the next tick stays where it is. */
export function startCheck(client: Client): Client {
  return client.checking ? client : withChanges(client, { checking: true });
}

/** Gives up the check under way: it counts neither as a success nor as a failure. */
export function stopCheck(client: Client): Client {
  return client.checking ? withChanges(client, { checking: false }) : client;
}

/**
 * A check that was begun has ended. One that was given up meanwhile says nothing, and neither does one that outlasted
 * the client's time, though nobody may have noticed yet.
 */
export function endCheck(client: Client, outcome: CheckOutcome, nowMs: number): Client {
  if (!client.checking) return client;
  if (isExpired(client, nowMs)) return stopCheck(client);
  const ended = withChanges(client, { checking: false, lastCheck: outcome });
  return isSuccess(outcome) ? confirm(ended, nowMs) : ended;
}

/** Somebody else vouches for the client, as if a check had succeeded now. */
export function checkedOk(client: Client, nowMs: number): Client {
  return confirm(withChanges(client, { lastCheck: { kind: 'exited', status: 0 } }), nowMs);
}

/** Whether the machine has answered. */
export function isSuccess(outcome: CheckOutcome | undefined): boolean {
  return outcome?.kind === 'exited' && outcome.status === 0;
}

/**
 * One that is disabled stays so, and one whose time is up will be.
 * @param seenMs may be before what has become of the client since: that gave it its time, and is not taken back
 */
function confirm(client: Client, seenMs: number): Client {
  const { lastCheckedOkMs = seenMs, lastReleaseMs = -Infinity } = client;
  const seen = withChanges(client, { lastCheckedOkMs: Math.max(seenMs, lastCheckedOkMs) });
  if (!client.enabled || isExpired(client, seenMs)) return seen;
  const expiresMs = seenMs + client.settings.timeoutMs;
  const isOld = lastCheckedOkMs > seenMs || lastReleaseMs > seenMs;
  return withChanges(seen, {
    unchecked: false,
    expiresMs: isOld ? Math.max(expiresMs, client.expiresMs ?? 0) : expiresMs,
  });
}
