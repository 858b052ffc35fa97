import type { Client } from '../client/client.js';
import { clientObjectPath } from '../client/object-path.js';
import { checkerStatus, formatTime } from './values.js';

/** A property of a client that can be read. Two values of it are the same when they are equal. */
interface ReadableProperty {
  readonly type: string;
  readonly emitsChanged?: 'const';
  readonly deprecated?: boolean;
  get(client: Client): string | number | boolean;
}

/** All properties that can be read, in the order in which GetAll has them. Durations are milliseconds. */
export const CLIENT_PROPERTIES = {
  ApprovalDelay: { type: 't', get: ({ settings }) => settings.approvalDelayMs },
  ApprovalDuration: { type: 't', get: ({ settings }) => settings.approvalDurationMs },
  ApprovalPending: { type: 'b', get: ({ pendingApprovals }) => pendingApprovals > 0 },
  ApprovedByDefault: { type: 'b', get: ({ settings }) => settings.approvedByDefault },
  CheckerRunning: { type: 'b', get: ({ checking }) => checking },
  Checker: { type: 's', get: ({ settings }) => settings.checker },
  Created: { type: 's', emitsChanged: 'const', get: ({ createdMs }) => formatTime(createdMs) },
  Enabled: { type: 'b', get: ({ enabled }) => enabled },
  Expires: { type: 's', get: ({ expiresMs }) => formatTime(expiresMs) },
  ExtendedTimeout: { type: 't', get: ({ settings }) => settings.extendedTimeoutMs },
  Fingerprint: {
    type: 's',
    emitsChanged: 'const',
    get: ({ settings }) => settings.fingerprint?.toUpperCase() ?? '',
  },
  Host: { type: 's', get: ({ settings }) => settings.host },
  Interval: { type: 't', get: ({ settings }) => settings.intervalMs },
  KeyID: { type: 's', emitsChanged: 'const', get: ({ settings }) => settings.keyId?.toUpperCase() ?? '' },
  LastApprovalRequest: { type: 's', get: ({ lastApprovalRequestMs }) => formatTime(lastApprovalRequestMs) },
  LastCheckedOK: { type: 's', get: ({ lastCheckedOkMs }) => formatTime(lastCheckedOkMs) },
  LastCheckerStatus: { type: 'n', get: ({ lastCheck }) => checkerStatus(lastCheck) },
  LastEnabled: { type: 's', get: ({ lastEnabledMs }) => formatTime(lastEnabledMs) },
  Name: { type: 's', emitsChanged: 'const', get: ({ settings }) => settings.name },
  ObjectPath: {
    type: 'o',
    emitsChanged: 'const',
    deprecated: true,
    get: ({ settings }) => clientObjectPath(settings.name),
  },
  Timeout: { type: 't', get: ({ settings }) => settings.timeoutMs },
} as const satisfies Readonly<Record<string, ReadableProperty>>;

/** Secret can be written, and is never read. */
export type ClientProperty = keyof typeof CLIENT_PROPERTIES | 'Secret';
