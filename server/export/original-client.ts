import type { CheckOutcome } from '../client/client.js';
import type { StoredClient, StoredSettings } from '../client/store.js';
import type { Moment, Picklable, Span } from './pickle-writer.js';

/** How the original counts the last check, where it is no exit status. */
const ENDED_BY_SIGNAL = -1;
const NEVER_CHECKED = -2;

/** Attributes that the original takes along from a client to its next life; it expects the list with each client. */
const CLIENT_STRUCTURE = [
  'bus',
  'name',
  'server_settings',
  'key_id',
  'fingerprint',
  'created',
  'checker_initiator_tag',
  'disable_initiator_tag',
  'checker_callback_tag',
  'current_checker_command',
  'approved',
  'changedstate',
  'client_structure',
  'approval_delay',
  'approval_duration',
  'approvals_pending',
  'approved_by_default',
  'checker',
  'checker_command',
  'connection',
  'enabled',
  'expires',
  'extended_timeout',
  'host',
  'interval',
  'last_approval_request',
  'last_checked_ok',
  'last_checker_status',
  'last_enabled',
  'locations',
  'secret',
  'timeout',
];

/**
 * What the original would remember of a client.
 * @param sealedSecret encrypted with what clients.conf has; empty where that is in effect anyway
 * @param nowMs milliseconds since the Unix epoch
 */
export function originalClient(
  { name, overrides, state }: StoredClient,
  configured: StoredSettings,
  sealedSecret: Uint8Array,
  nowMs: number,
): Map<string, Picklable> {
  // Only a "no": the original would never end a "yes" that it finds in its state.
  const isDenied = state.approval?.granted === false && state.approval.untilMs > nowMs;
  return new Map<string, Picklable>([
    ...settingsOf({ ...configured, ...overrides }),
    ['name', name],
    ['enabled', state.enabled],
    ['encrypted_secret', sealedSecret],
    ['created', moment(state.createdMs)],
    ['expires', state.enabled ? moment(state.expiresMs) : null],
    ['last_enabled', moment(state.lastEnabledMs)],
    ['last_checked_ok', moment(state.lastCheckedOkMs)],
    ['last_checker_status', statusOf(state.lastCheck)],
    ['last_approval_request', moment(state.lastApprovalRequestMs)],
    ['approved', isDenied ? false : null],
    ['approvals_pending', 0],
    ['checker_initiator_tag', null],
    ['disable_initiator_tag', null],
    ['checker_callback_tag', null],
    ['current_checker_command', null],
    ['client_structure', CLIENT_STRUCTURE],
  ]);
}

/** What the original would remember of a client's section in clients.conf. */
export function originalSection(configured: StoredSettings): Map<string, Picklable> {
  return new Map<string, Picklable>([
    ...settingsOf(configured),
    ['enabled', configured.enabled],
    ['last_checked_ok', null],
    ['last_checker_status', NEVER_CHECKED],
  ]);
}

type Settings = Omit<StoredSettings, 'enabled' | 'secretDigest'>;

function settingsOf(settings: Settings): [string, Picklable][] {
  return [
    ['key_id', (settings.keyId ?? '').toUpperCase()],
    ['fingerprint', (settings.fingerprint ?? '').toUpperCase()],
    ['host', settings.host],
    ['checker_command', settings.checker],
    ['timeout', span(settings.timeoutMs)],
    ['extended_timeout', span(settings.extendedTimeoutMs)],
    ['interval', span(settings.intervalMs)],
    ['approval_delay', span(settings.approvalDelayMs)],
    ['approval_duration', span(settings.approvalDurationMs)],
    ['approved_by_default', settings.approvedByDefault],
  ];
}

function statusOf(check: CheckOutcome | undefined): number {
  if (!check) return NEVER_CHECKED;
  return check.kind === 'exited' ? check.status : ENDED_BY_SIGNAL;
}

function moment(epochMs: number | undefined): Moment | null {
  return epochMs === undefined ? null : { kind: 'moment', epochMs };
}

function span(ms: number): Span {
  return { kind: 'span', ms };
}
