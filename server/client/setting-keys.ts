import type { ClientSettings } from './settings.js';

/** What settings are called in clients.conf; a secret is `secret` wherever it stands. */
export const CLIENT_KEYS: Readonly<Record<Exclude<keyof ClientSettings, 'name'>, string>> = {
  keyId: 'key_id',
  fingerprint: 'fingerprint',
  secret: 'secret',
  host: 'host',
  checker: 'checker',
  intervalMs: 'interval',
  timeoutMs: 'timeout',
  extendedTimeoutMs: 'extended_timeout',
  approvedByDefault: 'approved_by_default',
  approvalDelayMs: 'approval_delay',
  approvalDurationMs: 'approval_duration',
  enabled: 'enabled',
  releaseCheck: 'release_check',
  maxReleases: 'max_releases',
  releaseWindow: 'release_window',
};
