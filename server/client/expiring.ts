import { isSuccess } from './checks.js';
import type { Client } from './client.js';

/**
 * From when on a client is said to expire soon, if nothing becomes of it until then. Its time is nearly up when less
 * than an interval of it is left, so that the next check is the last that can save it; of one that is checked as seldom
 * as it just may be, when less is left than a good check leaves it with. A check that has not ended yet may still save
 * it: then only half of that time is waited for.
 * @returns milliseconds since the Unix epoch; Infinity for one that does not expire, or has a timeout that no check could
 * keep it within
 */
export function expiringSoonMs(client: Client): number {
  const { expiresMs, checking, settings } = client;
  if (expiresMs === undefined) return Infinity;
  const cautionMs = Math.min(settings.intervalMs, settings.timeoutMs - settings.intervalMs);
  if (cautionMs <= 0) return Infinity;
  return expiresMs - (hasFailed(client) && !checking ? cautionMs : cautionMs / 2);
}

/** Why it expires, for people. */
export function expiringReason(client: Client): string {
  if (hasFailed(client)) return 'its checks fail';
  return client.checking ? 'its check does not end' : 'it is not checked in time';
}

/** Whether its last check was not a good one; one that has not been checked has not failed. */
export function hasFailed({ lastCheck }: Client): boolean {
  return lastCheck !== undefined && !isSuccess(lastCheck);
}
