import type { ClientSettings } from './settings.js';
import { withChanges } from './with-changes.js';

/** How a check ended: with an exit status, or by a signal (its number). */
export type CheckOutcome =
  { readonly kind: 'exited'; readonly status: number } | { readonly kind: 'killed'; readonly signal: number };

/** What an operator has said of the requests of a client, and until when that holds. */
export interface Approval {
  readonly granted: boolean;
  readonly untilMs: number;
}

/**
 * A machine that may ask for its secret: what is configured for it and what has become of it. Never changed; each
 * transition below returns another. Times are milliseconds since the Unix epoch.
 *
 * What happens when is as measured of the original: docs/original-client-life.md.
 */
export interface Client {
  /** In effect. */
  readonly settings: ClientSettings;
  /** What the configuration says; undefined for a client that it does not name. Other values were set at run time. */
  readonly configured: ClientSettings | undefined;
  readonly createdMs: number;
  readonly enabled: boolean;
  readonly lastEnabledMs: number | undefined;
  /** When it will be disabled if nothing is heard of it; undefined for a disabled one. */
  readonly expiresMs: number | undefined;
  /** The next tick of its checks, which come at a fixed rate; undefined for a disabled one. */
  readonly nextCheckMs: number | undefined;
  readonly checking: boolean;
  /** Since the server has started, no check has been due and nothing was heard of it: it has an interval for the first. */
  readonly unchecked: boolean;
  readonly lastCheckedOkMs: number | undefined;
  readonly lastCheck: CheckOutcome | undefined;
  readonly lastApprovalRequestMs: number | undefined;
  /** Requests that wait for an operator. */
  readonly pendingApprovals: number;
  readonly approval: Approval | undefined;
  /** How often its secret has been sent, or was about to be when the server ended. */
  readonly releases: number;
  /** The same since it was last enabled. */
  readonly releasesSinceEnabled: number;
  readonly lastReleaseMs: number | undefined;
}

/**
 * A client of the configuration, of which nothing is known.
 * @param random in [0, 1): spreads the first checks of many clients
 */
export function createClient(settings: ClientSettings, nowMs: number, random: number): Client {
  const client: Client = {
    settings,
    configured: settings,
    createdMs: nowMs,
    enabled: false,
    lastEnabledMs: undefined,
    expiresMs: undefined,
    nextCheckMs: undefined,
    checking: false,
    unchecked: true,
    lastCheckedOkMs: undefined,
    lastCheck: undefined,
    lastApprovalRequestMs: undefined,
    pendingApprovals: 0,
    approval: undefined,
    releases: 0,
    releasesSinceEnabled: 0,
    lastReleaseMs: undefined,
  };
  return settings.enabled ? start(client, nowMs, random) : client;
}

/**
 * An enabled client at the start of the server. Its first check comes within one interval; until that has succeeded it
 * has not `timeout` but one interval more.
 * @param random in [0, 1)
 */
export function start(client: Client, nowMs: number, random: number): Client {
  const { intervalMs } = client.settings;
  const firstCheckMs = nowMs + intervalMs * random;
  return withChanges(client, {
    enabled: true,
    lastEnabledMs: client.lastEnabledMs ?? nowMs,
    expiresMs: firstCheckMs + intervalMs,
    nextCheckMs: firstCheckMs,
    unchecked: true,
  });
}

/** Whether a client's time is up, be it that nobody has noticed yet. */
export function isExpired({ expiresMs }: Client, nowMs: number): boolean {
  return expiresMs !== undefined && expiresMs <= nowMs;
}

/**
 * Takes a disabled client into service again. Unlike at the start of the server, its first check comes after exactly one
 * interval. Its releases are counted anew.
 */
export function enable(client: Client, nowMs: number): Client {
  if (client.enabled) return client;
  const { intervalMs } = client.settings;
  return withChanges(client, {
    enabled: true,
    lastEnabledMs: nowMs,
    expiresMs: nowMs + 2 * intervalMs,
    nextCheckMs: nowMs + intervalMs,
    unchecked: false,
    releasesSinceEnabled: 0,
  });
}

/** Takes an enabled client out of service; its checker, if one runs, counts no more. */
export function disable(client: Client): Client {
  if (!client.enabled) return client;
  return withChanges(client, {
    enabled: false,
    expiresMs: undefined,
    nextCheckMs: undefined,
    checking: false,
  });
}

/** Disables a client whose time is up. */
export function expire(client: Client, nowMs: number): Client {
  return isExpired(client, nowMs) ? disable(client) : client;
}

/** Why a client that has expired has, for the log. */
export function expiryReason(client: Client, nowMs: number): string {
  const { lastCheckedOkMs, lastCheck, lastReleaseMs, checking, settings } = client;
  const { timeoutMs, extendedTimeoutMs } = settings;
  if (lastReleaseMs !== undefined && lastReleaseMs > (lastCheckedOkMs ?? -Infinity)) {
    const agoMs = nowMs - lastReleaseMs;
    if (agoMs >= extendedTimeoutMs) {
      return `it was not seen since its password was sent ${seconds(agoMs)} s ago, and its extended_timeout is ${extendedTimeoutMs / 1000} s`;
    }
  }
  if (lastCheckedOkMs !== undefined) {
    const agoMs = nowMs - lastCheckedOkMs;
    // Only a start of the server and `enable` leave it with less than its timeout.
    return agoMs >= timeoutMs
      ? `it was last seen ${seconds(agoMs)} s ago, and its timeout is ${timeoutMs / 1000} s`
      : `it was last seen ${seconds(agoMs)} s ago, and not since it was enabled or the server was started`;
  }
  if (lastCheck !== undefined) return 'none of its checks has succeeded so far';
  return checking ? 'its first check did not end in time' : 'no check of it has ended so far';
}

function seconds(durationMs: number): number {
  return Math.round(durationMs / 1000);
}
