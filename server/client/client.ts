import type { ClientSettings } from './settings.js';

/** How a check ended: with an exit status, or by a signal (its number). */
export type CheckOutcome =
  { readonly kind: 'exited'; readonly status: number } | { readonly kind: 'killed'; readonly signal: number };

/**
 * A machine that may ask for its secret: what is configured for it and what has become of it. Never changed; each
 * transition below returns another. Times are milliseconds since the Unix epoch.
 *
 * What happens when is as measured of the original: docs/original-client-life.md.
 */
export interface Client {
  readonly settings: ClientSettings;
  readonly createdMs: number;
  readonly enabled: boolean;
  readonly lastEnabledMs: number | undefined;
  /** When it will be disabled if nothing is heard of it; undefined for a disabled one. */
  readonly expiresMs: number | undefined;
  /** The next tick of its checks, which come at a fixed rate; undefined for a disabled one. */
  readonly nextCheckMs: number | undefined;
  readonly checking: boolean;
  /** No check has begun since it was created. */
  readonly unchecked: boolean;
  readonly lastCheckedOkMs: number | undefined;
  readonly lastCheck: CheckOutcome | undefined;
  readonly lastApprovalRequestMs: number | undefined;
}

/**
 * A client at the start of the server. Its first check comes within one interval; until that has succeeded it has
 * not `timeout` but one interval more.
 * @param random in [0, 1): spreads the first checks of many clients
 */
export function createClient(settings: ClientSettings, nowMs: number, random: number): Client {
  const firstCheckMs = nowMs + settings.intervalMs * random;
  const { enabled } = settings;
  return {
    settings,
    createdMs: nowMs,
    enabled,
    lastEnabledMs: enabled ? nowMs : undefined,
    expiresMs: enabled ? firstCheckMs + settings.intervalMs : undefined,
    nextCheckMs: enabled ? firstCheckMs : undefined,
    checking: false,
    unchecked: true,
    lastCheckedOkMs: undefined,
    lastCheck: undefined,
    lastApprovalRequestMs: undefined,
  };
}

/** When something is due for a client, or Infinity. */
export function nextDueMs({ expiresMs, nextCheckMs }: Client): number {
  return Math.min(expiresMs ?? Infinity, nextCheckMs ?? Infinity);
}

/** Whether a client's time is up, be it that nobody has noticed yet. */
export function isExpired({ expiresMs }: Client, nowMs: number): boolean {
  return expiresMs !== undefined && expiresMs <= nowMs;
}

/** Takes an enabled client out of service; its checker, if one runs, counts no more. */
export function disable(client: Client): Client {
  return { ...client, enabled: false, expiresMs: undefined, nextCheckMs: undefined, checking: false };
}

/** Why a client that has expired has, for the log. */
export function expiryReason({ lastCheckedOkMs, checking, settings }: Client, nowMs: number): string {
  if (lastCheckedOkMs === undefined) {
    return checking ? 'its first check did not end in time' : 'its first check did not succeed';
  }
  const seconds = Math.round((nowMs - lastCheckedOkMs) / 1000);
  return `it was last seen ${seconds} s ago, and its timeout is ${settings.timeoutMs / 1000} s`;
}

/**
 * Moves on to the next tick of the checks that lies ahead.
 * @returns with `checking` set if a check is to begin now; ticks during a check are skipped
 */
export function tick(client: Client, nowMs: number): Client {
  const { nextCheckMs, checking, unchecked, settings } = client;
  if (nextCheckMs === undefined || nextCheckMs > nowMs) return client;
  const missed = Math.floor((nowMs - nextCheckMs) / settings.intervalMs);
  const next = { ...client, nextCheckMs: nextCheckMs + (missed + 1) * settings.intervalMs };
  if (checking) return next;
  const expiresMs = unchecked ? nowMs + settings.intervalMs : client.expiresMs;
  return { ...next, checking: true, unchecked: false, expiresMs };
}

/** A check that was begun has ended; of a client that was disabled meanwhile it says nothing. */
export function endCheck(client: Client, outcome: CheckOutcome, nowMs: number): Client {
  if (!client.checking) return client;
  const ended = { ...client, checking: false, lastCheck: outcome };
  if (outcome.kind !== 'exited' || outcome.status !== 0) return ended;
  return { ...ended, lastCheckedOkMs: nowMs, expiresMs: nowMs + client.settings.timeoutMs };
}

/** The secret was sent: a machine that boots cannot answer checks for a while. */
export function release(client: Client, nowMs: number): Client {
  if (!client.enabled) return client;
  return { ...client, expiresMs: nowMs + client.settings.extendedTimeoutMs };
}
