import type { MandosError } from '../../common/errors.js';
import type {
  ClientFields,
  FieldName,
  ImportedClient,
  ImportedConfiguration,
  OriginalState,
} from './imported-client.js';
import { readClient, readConfiguration } from './imported-client.js';
import type { PickledDuration, PickledTime } from './pickle-globals.js';
import { pickleFault } from './pickle-bytes.js';
import type { PickleValue } from './pickle.js';
import { readPickle } from './pickle.js';

type Dictionary = Map<PickleValue, PickleValue>;

/** Says the rest of "the file …". */
export const NOT_A_STATE = 'is not the clients.pickle of Mandos 1.8';

/**
 * Reads the clients.pickle of the original, which it writes when it stops: a pair of what had become of each client,
 * and of what clients.conf said of each. A client that only the second has was removed at run time.
 * @throws MandosError IMPORT_PICKLE; its message says the rest of "the file …"
 */
export function readOriginalPickle(bytes: Uint8Array): OriginalState {
  const pair = readPickle(bytes);
  const [states, configurations, ...rest] = Array.isArray(pair) ? pair : [];
  if (!(states instanceof Map) || !(configurations instanceof Map) || rest.length > 0) {
    throw pickleFault(NOT_A_STATE);
  }
  const clients: ImportedClient[] = [];
  const sealedSecrets = new Map<string, Uint8Array>();
  for (const [name, state] of entries(states)) {
    const fields = new PickleFields(name, state);
    clients.push(readClient(name, fields, state.get('approved') === false));
    const sealed = state.get('encrypted_secret');
    if (sealed instanceof Uint8Array) sealedSecrets.set(name, sealed);
  }
  const configuredThen = new Map<string, ImportedConfiguration>();
  for (const [name, configuration] of entries(configurations)) {
    configuredThen.set(name, readConfiguration(new PickleFields(name, configuration)));
  }
  return { clients, configuredThen, sealedSecrets };
}

function* entries(dictionary: Dictionary): Generator<readonly [string, Dictionary]> {
  for (const [name, value] of dictionary) {
    if (typeof name !== 'string' || !(value instanceof Map)) throw pickleFault(NOT_A_STATE);
    yield [name, value];
  }
}

class PickleFields implements ClientFields {
  readonly #name: string;
  readonly #values: Dictionary;

  constructor(name: string, values: Dictionary) {
    this.#name = name;
    this.#values = values;
  }

  text(field: FieldName): string {
    const value = this.#values.get(field);
    if (typeof value !== 'string') throw this.fault(field);
    return value;
  }

  boolean(field: FieldName): boolean {
    const value = this.#values.get(field);
    if (typeof value !== 'boolean') throw this.fault(field);
    return value;
  }

  integer(field: FieldName): number {
    const value = this.#values.get(field);
    if (typeof value !== 'number') throw this.fault(field);
    return value;
  }

  durationMs(field: FieldName): number {
    const value = this.#values.get(field);
    if (!isDuration(value) || value.durationMs < 0) throw this.fault(field);
    return value.durationMs;
  }

  timeMs(field: FieldName): number | undefined {
    const value = this.#values.get(field);
    if (value === null) return undefined;
    if (!isTime(value)) throw this.fault(field);
    return value.epochMs;
  }

  fault(field: FieldName): MandosError {
    const what = this.#values.has(field) ? 'an unknown kind of' : 'no';
    return pickleFault(`has ${what} ${field} for the client ${this.#name}`);
  }
}

function isDuration(value: PickleValue | undefined): value is PickledDuration {
  return isKind(value, 'duration');
}

function isTime(value: PickleValue | undefined): value is PickledTime {
  return isKind(value, 'time');
}

function isKind(value: PickleValue | undefined, kind: string): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}
