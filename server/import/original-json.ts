import { describeError, MandosError } from '../../common/errors.js';
import type { ClientFields, FieldName, ImportedClient, OriginalState } from './imported-client.js';
import { readClient } from './imported-client.js';

/** The properties of the D-Bus interface, as `mandos-ctl --dump-json` prints them. */
const PROPERTIES: Readonly<Record<FieldName, string>> = {
  approval_delay: 'ApprovalDelay',
  approval_duration: 'ApprovalDuration',
  approved_by_default: 'ApprovedByDefault',
  checker_command: 'Checker',
  created: 'Created',
  enabled: 'Enabled',
  expires: 'Expires',
  extended_timeout: 'ExtendedTimeout',
  fingerprint: 'Fingerprint',
  host: 'Host',
  interval: 'Interval',
  key_id: 'KeyID',
  last_approval_request: 'LastApprovalRequest',
  last_checked_ok: 'LastCheckedOK',
  last_checker_status: 'LastCheckerStatus',
  last_enabled: 'LastEnabled',
  timeout: 'Timeout',
};

/** UTC without a zone; the fraction is left out where it is zero. */
const TIME = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{3})[0-9]{3})?$/;

/**
 * Reads what the original's `mandos-ctl --dump-json` prints of a running server. It has no secrets, and does not say
 * what clients.conf has, which of its clients have been removed, and whether an operator's decision is in force.
 * @throws MandosError IMPORT_JSON; its message says the rest of "the file …"
 */
export function readOriginalJson(bytes: Uint8Array): OriginalState {
  const clients: ImportedClient[] = [];
  for (const [name, properties] of Object.entries(parse(bytes))) {
    if (!isRecord(properties) || properties['Name'] !== name) {
      throw jsonFault('is not what "mandos-ctl --dump-json" prints: it has something else than clients');
    }
    clients.push(readClient(name, new JsonFields(name, properties), false));
  }
  return { clients, configuredThen: undefined, sealedSecrets: new Map() };
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch (error) {
    // The position, but not the text: it may be any file.
    const [at = ''] = /at position [0-9]+/.exec(describeError(error)) ?? [];
    throw jsonFault(`is not JSON${at && ` (${at})`}: it is not complete, or damaged`, error);
  }
  throw jsonFault('is not what "mandos-ctl --dump-json" prints');
}

class JsonFields implements ClientFields {
  readonly #name: string;
  readonly #properties: Record<string, unknown>;

  constructor(name: string, properties: Record<string, unknown>) {
    this.#name = name;
    this.#properties = properties;
  }

  text(field: FieldName): string {
    const value = this.#value(field);
    if (typeof value !== 'string') throw this.fault(field);
    return value;
  }

  boolean(field: FieldName): boolean {
    const value = this.#value(field);
    if (typeof value !== 'boolean') throw this.fault(field);
    return value;
  }

  integer(field: FieldName): number {
    const value = this.#value(field);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.fault(field);
    return value;
  }

  durationMs(field: FieldName): number {
    const value = this.integer(field);
    if (value < 0) throw this.fault(field);
    return value;
  }

  timeMs(field: FieldName): number | undefined {
    const text = this.text(field);
    if (text === '') return undefined;
    const [, seconds, milliseconds = '000'] = TIME.exec(text) ?? [];
    const epochMs = seconds === undefined ? Number.NaN : Date.parse(`${seconds}.${milliseconds}Z`);
    if (Number.isNaN(epochMs)) throw this.fault(field);
    return epochMs;
  }

  fault(field: FieldName): MandosError {
    const property = PROPERTIES[field];
    const what = property in this.#properties ? 'an unknown kind of' : 'no';
    return jsonFault(`has ${what} ${property} for the client ${this.#name}`);
  }

  #value(field: FieldName): unknown {
    return this.#properties[PROPERTIES[field]];
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function jsonFault(what: string, cause?: unknown): MandosError {
  return new MandosError('IMPORT_JSON', what, { cause });
}
