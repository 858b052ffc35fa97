import type { Client } from './client.js';
import { isExpired } from './client.js';
import { releaseWindowAt } from './release-window.js';

/** Why a request is refused: `code` for programs, `reason` for the log. */
export interface Refusal {
  readonly kind: 'refuse';
  readonly client: Client | undefined;
  readonly code:
    | 'unknown'
    | 'disabled'
    | 'denied'
    | 'approval-timeout'
    | 'outside-window'
    | 'too-many-releases'
    | 'too-many-pending'
    | 'impostor';
  readonly reason: string;
}

/** What becomes of a request now. */
export type Verdict =
  | { readonly kind: 'release'; readonly client: Client }
  /** An operator may decide within `delayMs`; then `approved_by_default` does. */
  | { readonly kind: 'wait'; readonly client: Client; readonly delayMs: number }
  | Refusal;

/**
 * What stands in the way of any release, whoever has waited or approved.
 * @param client who the key ID belongs to, if anybody
 * @param keyId of the proven key, lower-case hexadecimal
 * @param nowMs milliseconds since the Unix epoch
 */
export function findRefusal(client: Client | undefined, keyId: string, nowMs: number): Refusal | undefined {
  const refusal = findObstacle(client, keyId, nowMs);
  return refusal ?? (client && approvalNow(client, nowMs) === false ? denied(client) : undefined);
}

/** What of that no operator's approval could clear away. */
export function findObstacle(client: Client | undefined, keyId: string, nowMs: number): Refusal | undefined {
  if (!client || client.settings.keyId !== keyId) return unknown(keyId);
  const { name } = client.settings;
  if (!client.enabled) return refuse(client, 'disabled', `client ${name} is disabled`);
  // Timers can be late; a client's time is not.
  return isExpired(client, nowMs) ? refuse(client, 'disabled', `client ${name} has expired`) : undefined;
}

/**
 * Decides whether whoever proved this key may have the secret now. Parameters as above.
 * @param hasWaited whether the request has waited for an operator as long as it may
 */
export function decideRelease(
  client: Client | undefined,
  keyId: string,
  nowMs: number,
  hasWaited: boolean,
): Verdict {
  const refusal = findRefusal(client, keyId, nowMs);
  if (!client || refusal) return refusal ?? unknown(keyId);
  const { name, approvedByDefault, approvalDelayMs } = client.settings;
  if (approvalNow(client, nowMs) === true) return { kind: 'release', client };
  if (approvalDelayMs > 0 && !hasWaited) return { kind: 'wait', client, delayMs: approvalDelayMs };
  if (approvedByDefault) return { kind: 'release', client };
  const reason =
    approvalDelayMs > 0
      ? `nobody approved client ${name} in ${approvalDelayMs / 1000} s`
      : `client ${name} is not approved by default, and its approval_delay leaves no time to approve it`;
  return refuse(client, 'approval-timeout', reason);
}

/**
 * What of the client's own limits stands in the way of a release, and no approval clears away either.
 * @param minuteOfWeek local time, in minutes since Monday 00:00; only asked for when there is a window
 * @param taken releases since the client was enabled, without this one
 */
export function findLimit(client: Client, minuteOfWeek: () => number, taken: number): Refusal | undefined {
  const { name, maxReleases, releaseWindow } = client.settings;
  const isOpen = releaseWindow === '' || releaseWindowAt(releaseWindow, minuteOfWeek());
  if (isOpen !== true) {
    const reason = `client ${name} is outside its release_window, which begins again ${isOpen.nextBegin}`;
    return refuse(client, 'outside-window', reason);
  }
  if (maxReleases === 0 || taken < maxReleases) return undefined;
  const releases = maxReleases === 1 ? 'the one release' : `the ${maxReleases} releases`;
  const reason = `client ${name} has had ${releases} of its max_releases since it was enabled (to go on, disable and enable it)`;
  return refuse(client, 'too-many-releases', reason);
}

/** @param waiting requests of the client that wait for an operator */
export function tooManyPending(client: Client, waiting: number): Refusal {
  const reason = `${waiting} requests of client ${client.settings.name} wait for approval already (max_pending_approvals)`;
  return refuse(client, 'too-many-pending', reason);
}

/** The machine answers its checker while somebody asks with its key. */
export function impostor(client: Client): Refusal {
  const reason = `client ${client.settings.name} is up, as its checker says, so that it has no reason to ask`;
  return refuse(client, 'impostor', reason);
}

/** What an operator has said that still holds; undefined for nothing. */
export function approvalNow({ approval }: Client, nowMs: number): boolean | undefined {
  return approval && approval.untilMs > nowMs ? approval.granted : undefined;
}

export function denied(client: Client): Refusal {
  return refuse(client, 'denied', `client ${client.settings.name} was denied by an operator`);
}

/** Nobody has this key: or not any more, or somebody else than the one who was asked for. */
export function unknown(keyId: string): Refusal {
  return refuse(undefined, 'unknown', `unknown key ID ${keyId.toUpperCase()}`);
}

function refuse(client: Client | undefined, code: Refusal['code'], reason: string): Refusal {
  return { kind: 'refuse', client, code, reason };
}
