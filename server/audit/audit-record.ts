import { formatKeyId, formatTime, originFields, peerFields } from '../client/event-fields.js';
import type { ClientEvent } from '../client/events.js';
import { CLIENT_KEYS } from '../client/setting-keys.js';

/** A verdict as it is written down: keys and values of JSON, in their order (docs/audit-log.md). */
export type AuditRecord = Readonly<Record<string, unknown>> & {
  readonly time: string;
  readonly event: string;
};

/**
 * What the audit log keeps of an event: every verdict, and who has made it. Never a secret; of settings only their
 * names.
 * @param nowMs milliseconds since the Unix epoch
 * @returns undefined for what is no verdict
 */
export function auditRecord(event: ClientEvent, nowMs: number): AuditRecord | undefined {
  const about = (name: string) => ({
    time: formatTime(nowMs),
    event: name,
    client: event.client?.settings.name ?? null,
    key_id: formatKeyId('keyId' in event ? event.keyId : event.client?.settings.keyId),
  });
  switch (event.kind) {
    case 'released':
      return { ...about('released'), ...peerFields(event.peer), releases: event.client.releases };
    case 'release-interrupted':
      return { ...about('release_interrupted'), ...peerFields(event.peer), releases: event.client.releases };
    case 'impostor':
      return {
        ...about('impostor'),
        ...peerFields(event.peer),
        release_check: event.client.settings.releaseCheck,
      };
    case 'refused': {
      const { code, reason } = event.refusal;
      return { ...about('refused'), ...peerFields(event.peer), code, reason };
    }
    case 'approval-needed': {
      const { delayMs, client } = event;
      const approvedByDefault = client.settings.approvedByDefault;
      return {
        ...about('approval_needed'),
        ...peerFields(event.peer),
        delay_ms: delayMs,
        approved_by_default: approvedByDefault,
      };
    }
    case 'approved': {
      const untilMs = event.client.approval?.untilMs;
      const until = untilMs === undefined ? null : formatTime(untilMs);
      return { ...about(event.granted ? 'approved' : 'denied'), ...originFields(event.by), until };
    }
    case 'enabled':
    case 'added':
    case 'removed':
      return { ...about(event.kind), ...originFields(event.by) };
    case 'disabled':
      return { ...about('disabled'), ...originFields(event.by), reason: event.reason };
    case 'settings-changed':
      return {
        ...about('settings_changed'),
        ...originFields(event.by),
        settings: event.settings.map(key => CLIENT_KEYS[key]),
      };
    case 'changed':
    case 'checker-started':
    case 'checker-completed':
    case 'expiring-soon':
      return undefined;
  }
}

/**
 * What stands in the place of records that could not be written, or were too many.
 * @param sinceMs when the first of them would have been written
 */
export function gapRecord(
  event: 'lost' | 'omitted',
  count: number,
  sinceMs: number,
  nowMs: number,
): AuditRecord {
  return { time: formatTime(nowMs), event, count, since: formatTime(sinceMs) };
}
