import type { Client } from './client.js';
import { clientObjectPath } from './object-path.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The text of an attribute for a checker command, written as the original writes it
 * (docs/original-client-life.md, section 11).
 * @param name one of CHECKER_ATTRIBUTES
 */
export function checkerAttribute(client: Client, name: string): string {
  const { settings } = client;
  switch (name) {
    case 'approval_delay':
      return formatTimedelta(settings.approvalDelayMs);
    case 'approval_duration':
      return formatTimedelta(settings.approvalDurationMs);
    case 'created':
      return formatDatetime(client.createdMs);
    case 'dbus_object_path':
      return clientObjectPath(settings.name);
    case 'enabled':
      return client.enabled ? 'True' : 'False';
    case 'expires':
      return formatDatetime(client.expiresMs);
    case 'fingerprint':
      return settings.fingerprint?.toUpperCase() ?? '';
    case 'host':
      return settings.host;
    case 'interval':
      return formatTimedelta(settings.intervalMs);
    case 'key_id':
      return settings.keyId?.toUpperCase() ?? '';
    case 'last_approval_request':
      return formatDatetime(client.lastApprovalRequestMs);
    case 'last_checked_ok':
      return formatDatetime(client.lastCheckedOkMs);
    case 'last_enabled':
      return formatDatetime(client.lastEnabledMs);
    case 'name':
      return settings.name;
    case 'timeout':
      return formatTimedelta(settings.timeoutMs);
    default:
      throw new RangeError(`a client has no attribute ${name}`);
  }
}

/** As Python's str() of a datetime in UTC, to the microsecond; `None` for a time that has not come. */
function formatDatetime(ms: number | undefined): string {
  if (ms === undefined) return 'None';
  const microseconds = Math.floor((ms * 1000) % 1000);
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', String(microseconds).padStart(3, '0'));
}

/** As Python's str() of a timedelta: `0:05:00`, `1 day, 0:00:01.500000`. */
function formatTimedelta(ms: number): string {
  const days = Math.floor(ms / DAY_MS);
  const seconds = Math.floor((ms % DAY_MS) / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const pad = (value: number) => String(value).padStart(2, '0');
  const fraction = ms % 1000 === 0 ? '' : `.${String(Math.floor(ms % 1000)).padStart(3, '0')}000`;
  const clock = `${hours}:${pad(minutes)}:${pad(seconds % 60)}${fraction}`;
  return days === 0 ? clock : `${days} day${days === 1 ? '' : 's'}, ${clock}`;
}
