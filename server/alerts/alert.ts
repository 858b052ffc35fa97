import { formatKeyId, formatTime, originFields, peerFields } from '../client/event-fields.js';
import type { ClientEvent } from '../client/events.js';

/** What hooks are told of an event. */
export interface Alert {
  /** The name of the event: the hook's argument. */
  readonly event: string;
  /** The client's name; undefined where it is about none. */
  readonly client: string | undefined;
  /** The JSON object on standard input, in the order of its members. */
  readonly members: Readonly<Record<string, unknown>>;
}

/**
 * What hooks are told of what happened to a client, with the members that the audit log has (docs/audit-log.md). Never a
 * secret.
 * @param nowMs milliseconds since the Unix epoch
 * @returns undefined for what they are not told
 */
export function alertOf(event: ClientEvent, nowMs: number): Alert | undefined {
  const about = (name: string, members: object): Alert => {
    const client = event.client?.settings.name;
    const keyId = 'keyId' in event ? event.keyId : event.client?.settings.keyId;
    const first = { time: formatTime(nowMs), event: name, client: client ?? null };
    return { event: name, client, members: { ...first, key_id: formatKeyId(keyId), ...members } };
  };
  switch (event.kind) {
    case 'released':
      return about('released', { ...peerFields(event.peer), releases: event.client.releases });
    case 'release-interrupted':
      return about('release_interrupted', { ...peerFields(event.peer), releases: event.client.releases });
    case 'refused': {
      const { code, reason } = event.refusal;
      const name = code === 'unknown' ? 'unknown_key' : 'refused';
      return about(name, { ...peerFields(event.peer), code, reason });
    }
    case 'impostor':
      return about('impostor', {
        ...peerFields(event.peer),
        release_check: event.client.settings.releaseCheck,
      });
    case 'approval-needed': {
      const { peer, delayMs, client } = event;
      const { approvedByDefault } = client.settings;
      return about('approval_needed', {
        ...peerFields(peer),
        delay_ms: delayMs,
        approved_by_default: approvedByDefault,
      });
    }
    case 'disabled':
      return about('disabled', { ...originFields(event.by), reason: event.reason });
    case 'expiring-soon':
      return about('expiring_soon', { expires: formatTime(nowMs + event.leftMs), reason: event.reason });
    case 'enabled':
    case 'added':
    case 'removed':
    case 'settings-changed':
    case 'approved':
    case 'changed':
    case 'checker-started':
    case 'checker-completed':
      return undefined;
  }
}

/** That the server serves. @param members what there is to say of it */
export function serverStarted(members: object, nowMs: number): Alert {
  const event = 'server_started';
  return { event, client: undefined, members: { time: formatTime(nowMs), event, ...members } };
}

/**
 * Of refusals, anybody with a key can make as many as he likes.
 * @returns for these, of what kind it is: the same client's, for the same reason; undefined for others
 */
export function floodOf({ event, client, members }: Alert): string | undefined {
  if (event !== 'refused' && event !== 'unknown_key') return undefined;
  return JSON.stringify([client, members['code']]);
}

/** One that stands for so many since the last of its kind. */
export function withCount(alert: Alert, count: number): Alert {
  return { ...alert, members: { ...alert.members, count } };
}
