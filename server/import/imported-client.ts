import { normalizeHex } from '../../common/protocol.js';
import type { CheckOutcome } from '../client/client.js';
import type { OwnSetting } from '../client/settings.js';
import type { ChangeableSettings } from '../client/settings-change.js';

/** What the original knew of a client. Times are milliseconds since the Unix epoch. */
export interface ImportedClient {
  readonly name: string;
  readonly enabled: boolean;
  readonly createdMs: number;
  readonly lastEnabledMs: number | undefined;
  readonly expiresMs: number | undefined;
  readonly lastCheckedOkMs: number | undefined;
  readonly lastCheck: CheckOutcome | undefined;
  readonly lastApprovalRequestMs: number | undefined;
  /** An operator's "no" to its requests was in force. */
  readonly denied: boolean;
  /** In effect there: all of them, but no secret where that cannot be known. */
  readonly settings: ImportedSettings;
}

/** What the original knows; of the rest clients.conf says what holds. */
type OriginalSettings = Omit<ChangeableSettings, 'secret' | OwnSetting>;

export type ImportedSettings = OriginalSettings & { readonly secret?: Uint8Array };

/** What clients.conf said of a client when the original stopped. */
export type ImportedConfiguration = OriginalSettings & { readonly enabled: boolean };

/** What there is to be taken over. */
export interface Importable {
  readonly clients: readonly ImportedClient[];
  /** By name, of removed clients too; undefined when the file does not say. */
  readonly configuredThen: ReadonlyMap<string, ImportedConfiguration> | undefined;
}

/** What can be read from the original's file. */
export interface OriginalState extends Importable {
  /** By name: secrets, each encrypted with the one that clients.conf had for the client. */
  readonly sealedSecrets: ReadonlyMap<string, Uint8Array>;
}

/** A checker that a signal has ended: the original does not say which. */
export const UNKNOWN_SIGNAL = 0;

/** How the original counts the last check: an exit status, or one of these. */
const ENDED_BY_SIGNAL = -1;
const NEVER_CHECKED = -2;

/** The original's names of what is read. */
export type FieldName =
  | 'approval_delay'
  | 'approval_duration'
  | 'approved_by_default'
  | 'checker_command'
  | 'created'
  | 'enabled'
  | 'expires'
  | 'extended_timeout'
  | 'fingerprint'
  | 'host'
  | 'interval'
  | 'key_id'
  | 'last_approval_request'
  | 'last_checked_ok'
  | 'last_checker_status'
  | 'last_enabled'
  | 'timeout';

/** The fields of one client, in either format. Each throws where the field is missing or of another kind. */
export interface ClientFields {
  text(field: FieldName): string;
  boolean(field: FieldName): boolean;
  integer(field: FieldName): number;
  durationMs(field: FieldName): number;
  /** Undefined for one that has not come. */
  timeMs(field: FieldName): number | undefined;
  /** The fault of a field. */
  fault(field: FieldName): Error;
}

export function readClient(name: string, fields: ClientFields, denied: boolean): ImportedClient {
  const createdMs = fields.timeMs('created');
  if (createdMs === undefined) throw fields.fault('created');
  const enabled = fields.boolean('enabled');
  const expiresMs = fields.timeMs('expires');
  return {
    name,
    enabled,
    createdMs,
    lastEnabledMs: fields.timeMs('last_enabled'),
    expiresMs: enabled ? expiresMs : undefined,
    lastCheckedOkMs: fields.timeMs('last_checked_ok'),
    lastCheck: readOutcome(fields),
    lastApprovalRequestMs: fields.timeMs('last_approval_request'),
    denied,
    settings: readSettings(fields),
  };
}

export function readConfiguration(fields: ClientFields): ImportedConfiguration {
  return { ...readSettings(fields), enabled: fields.boolean('enabled') };
}

function readSettings(fields: ClientFields): OriginalSettings {
  return {
    keyId: normalizeHex(fields.text('key_id')) || undefined,
    fingerprint: normalizeHex(fields.text('fingerprint')) || undefined,
    host: fields.text('host'),
    checker: fields.text('checker_command'),
    timeoutMs: fields.durationMs('timeout'),
    extendedTimeoutMs: fields.durationMs('extended_timeout'),
    intervalMs: fields.durationMs('interval'),
    approvalDelayMs: fields.durationMs('approval_delay'),
    approvalDurationMs: fields.durationMs('approval_duration'),
    approvedByDefault: fields.boolean('approved_by_default'),
  };
}

function readOutcome(fields: ClientFields): CheckOutcome | undefined {
  const status = fields.integer('last_checker_status');
  if (status === NEVER_CHECKED) return undefined;
  if (status === ENDED_BY_SIGNAL) return { kind: 'killed', signal: UNKNOWN_SIGNAL };
  if (status < 0 || status > 255) throw fields.fault('last_checker_status');
  return { kind: 'exited', status };
}
