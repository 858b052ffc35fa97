import type { ClientView } from '../mirror/client-view.js';

/** What a client is to who looks at the list, the most urgent first. */
export const CLIENT_STATES = ['pending', 'failing', 'enabled', 'disabled'] as const;
export type ClientState = (typeof CLIENT_STATES)[number];

export function stateOf(client: ClientView): ClientState {
  if (client.approvalPending) return 'pending';
  if (!client.enabled) return 'disabled';
  return hasFailed(client) ? 'failing' : 'enabled';
}

/** Whether its last checker did; -2 is no failure, as no checker has ended yet. */
function hasFailed({ enabled, lastCheckerStatus }: ClientView): boolean {
  return enabled && lastCheckerStatus !== 0 && lastCheckerStatus !== -2;
}

/** Until what a request's default answer is given, or 0 when that is not known; the time may be over. */
export function approvalLeftMs(client: ClientView, nowMs: number): number {
  const askedMs = client.lastApprovalRequestMs;
  return askedMs === undefined ? 0 : Math.max(0, askedMs + client.approvalDelayMs - nowMs);
}

/** How much time a client has before it is disabled. */
export interface Remaining {
  readonly ms: number;
  /** Of its timeout, 0 to 1. */
  readonly share: number;
  readonly urgency: 'good' | 'caution' | 'bad';
}

/**
 * With less time than one interval the next check is the last that can save a client (caution), and below half of that
 * it may come too late (bad). A client that is checked as seldom as it just may be is well as long as it has what its
 * timeout leaves after an interval.
 * @returns undefined for a client that does not expire
 */
export function remainingTime(client: ClientView, nowMs: number): Remaining | undefined {
  const { expiresMs, timeoutMs, intervalMs, enabled } = client;
  if (!enabled || expiresMs === undefined) return undefined;
  const ms = Math.max(0, expiresMs - nowMs);
  const cautionMs = Math.min(intervalMs, Math.max(0, timeoutMs - intervalMs));
  const urgency = ms >= cautionMs && ms > 0 ? 'good' : ms >= cautionMs / 2 && ms > 0 ? 'caution' : 'bad';
  return { ms, share: timeoutMs > 0 ? Math.min(1, ms / timeoutMs) : 0, urgency };
}

/** How many clients there are in each state. A client that waits for approval is enabled, too. */
export interface Counts {
  readonly enabled: number;
  readonly disabled: number;
  readonly failing: number;
  readonly pending: number;
}

export function countStates(clients: Iterable<ClientView>): Counts {
  const counts = { enabled: 0, disabled: 0, failing: 0, pending: 0 };
  for (const client of clients) {
    if (client.enabled) counts.enabled++;
    else counts.disabled++;
    if (client.approvalPending) counts.pending++;
    if (hasFailed(client)) counts.failing++;
  }
  return counts;
}
