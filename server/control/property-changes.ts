import type { Client } from '../client/client.js';
import { isSameValue } from '../client/settings-change.js';
import type { ClientProperty } from './client-properties.js';
import { CLIENT_PROPERTIES } from './client-properties.js';

/** What has become of a client decides the order in which its changed properties are told (docs/dbus-api.md). */
type Order = readonly ClientProperty[];

const SETTINGS: Order = [
  'ApprovalDelay',
  'ApprovalDuration',
  'ApprovedByDefault',
  'Checker',
  'ExtendedTimeout',
  'Host',
  'Interval',
  'Secret',
  'Timeout',
];
const CHECKS: Order = ['CheckerRunning', 'LastCheckerStatus', 'LastCheckedOK'];
const REQUESTS: Order = ['ApprovalPending', 'LastApprovalRequest'];

const WHEN_DISABLED: Order = [...SETTINGS, 'Expires', ...CHECKS, 'Enabled', 'LastEnabled', ...REQUESTS];
const WHEN_ENABLED: Order = [...SETTINGS, 'Enabled', 'LastEnabled', 'Expires', ...CHECKS, ...REQUESTS];
const WHEN_CHECKED: Order = [...SETTINGS, ...CHECKS, 'Expires', 'Enabled', 'LastEnabled', ...REQUESTS];
const OTHERWISE: Order = [
  ...SETTINGS,
  'LastCheckedOK',
  'LastCheckerStatus',
  'CheckerRunning',
  'Expires',
  'Enabled',
  'LastEnabled',
  ...REQUESTS,
];

/** Properties of a client that have another value than before, in the order in which the original tells of them. */
export function changedProperties(client: Client, before: Client): ClientProperty[] {
  return orderOf(client, before).filter(name => {
    if (name === 'Secret') return !isSameValue(client.settings.secret, before.settings.secret);
    const { get } = CLIENT_PROPERTIES[name];
    return get(client) !== get(before);
  });
}

/** Whether what D-Bus calls constant has changed: then the client is another one to whoever has read it. */
export function isAnother({ settings }: Client, { settings: before }: Client): boolean {
  return settings.keyId !== before.keyId || settings.fingerprint !== before.fingerprint;
}

function orderOf(client: Client, before: Client): Order {
  if (client.enabled !== before.enabled) return client.enabled ? WHEN_ENABLED : WHEN_DISABLED;
  return client.checking === before.checking ? OTHERWISE : WHEN_CHECKED;
}
