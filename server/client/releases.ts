import type { Client } from './client.js';
import { isExpired } from './client.js';
import { withChanges } from './with-changes.js';

/** A request has begun to wait for an operator. */
export function requestApproval(client: Client, nowMs: number): Client {
  return withChanges(client, { pendingApprovals: client.pendingApprovals + 1, lastApprovalRequestMs: nowMs });
}

/** A request waits no more, whatever has become of it. */
export function endApprovalRequest(client: Client): Client {
  return withChanges(client, { pendingApprovals: Math.max(0, client.pendingApprovals - 1) });
}

/** An operator has decided: that holds for `approval_duration`, for all requests of that time, until the next one. */
export function approve(client: Client, granted: boolean, nowMs: number): Client {
  return withChanges(client, { approval: { granted, untilMs: nowMs + client.settings.approvalDurationMs } });
}

/** Counts a release. Before the secret is sent: a crash must not make a release that was never counted. */
export function countRelease(client: Client, nowMs: number): Client {
  return withChanges(client, {
    releases: client.releases + 1,
    releasesSinceEnabled: client.releasesSinceEnabled + 1,
    lastReleaseMs: nowMs,
  });
}

/**
 * The secret was sent: a machine that boots cannot answer checks for a while, its first one neither. A client whose time
 * was up meanwhile is not brought back.
 */
export function extendAfterRelease(client: Client, nowMs: number): Client {
  if (!client.enabled || isExpired(client, nowMs)) return client;
  return withChanges(client, { unchecked: false, expiresMs: nowMs + client.settings.extendedTimeoutMs });
}
