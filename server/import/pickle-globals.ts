import { pickleFault } from './pickle-bytes.js';
import type { PickleValue } from './pickle.js';

/** A moment, from a datetime.datetime that knows no time zone. */
export interface PickledTime {
  readonly kind: 'time';
  /** Milliseconds since the Unix epoch if it was meant in UTC; part of one is dropped. */
  readonly epochMs: number;
}

/** A datetime.timedelta. */
export interface PickledDuration {
  readonly kind: 'duration';
  /** Part of a millisecond is dropped. */
  readonly durationMs: number;
}

/** A class or function of Python that a pickle may name, and what becomes of it here. */
export interface PickleGlobal {
  readonly kind: 'global';
  /** @throws MandosError IMPORT_PICKLE: not the arguments that Python's pickles have */
  readonly make: (args: readonly PickleValue[]) => PickleValue;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Bytes of a datetime's state: year (2), month, day, hour, minute, second, microsecond (3), all big-endian. */
const TIME_BYTES = 10;

/** All that the original's state has in it. What is not here is never called, and ends the reading. */
const ALLOWED: ReadonlyMap<string, PickleGlobal> = new Map([
  ['datetime.datetime', { kind: 'global', make: makeTime }],
  ['datetime.timedelta', { kind: 'global', make: makeDuration }],
  // How pickles of protocols without bytes write them.
  ['_codecs.encode', { kind: 'global', make: encode }],
  ['__builtin__.bytes', { kind: 'global', make: makeNoBytes }],
  // An operator's decision, as it came over the bus.
  ['dbus.Boolean', { kind: 'global', make: makeBoolean }],
]);

/** @throws MandosError IMPORT_PICKLE: one that no state of Mandos has in it */
export function allowedGlobal(module: string, name: string): PickleGlobal {
  const qualified = `${module}.${name}`;
  const found = ALLOWED.get(qualified);
  if (!found) {
    const shown = qualified.length > 80 ? `${qualified.slice(0, 80)}…` : qualified;
    throw pickleFault(`names ${shown}, which no state of Mandos has in it: nothing of it is taken over`);
  }
  return found;
}

function makeTime([state, ...rest]: readonly PickleValue[]): PickledTime {
  if (!(state instanceof Uint8Array) || state.length !== TIME_BYTES || rest.length > 0) {
    throw pickleFault('has a date in a form that is not known');
  }
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength);
  const [year, month, day] = [bytes.readUInt16BE(0), bytes.readUInt8(2), bytes.readUInt8(3)];
  const [hour, minute, second] = [bytes.readUInt8(4), bytes.readUInt8(5), bytes.readUInt8(6)];
  const millisecond = Math.floor(bytes.readUIntBE(7, 3) / 1000);
  const epochMs = Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
  const date = new Date(epochMs);
  // What is out of its range has moved something else.
  const isDate =
    year >= 1970 &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second &&
    date.getUTCMilliseconds() === millisecond;
  if (!isDate) throw pickleFault('has a date that does not exist');
  return { kind: 'time', epochMs };
}

function makeDuration(args: readonly PickleValue[]): PickledDuration {
  const [days = 0, seconds = 0, microseconds = 0, ...rest] = args;
  if (
    typeof days !== 'number' ||
    typeof seconds !== 'number' ||
    typeof microseconds !== 'number' ||
    rest.length > 0
  ) {
    throw pickleFault('has a duration in a form that is not known');
  }
  const durationMs = days * DAY_MS + seconds * 1000 + Math.floor(microseconds / 1000);
  return { kind: 'duration', durationMs };
}

function encode([text, encoding, ...rest]: readonly PickleValue[]): Uint8Array {
  // oxlint-disable-next-line no-control-regex -- one byte each
  if (typeof text !== 'string' || encoding !== 'latin1' || rest.length > 0 || !/^[\x00-\xff]*$/.test(text)) {
    throw pickleFault('has bytes in a form that is not known');
  }
  return Buffer.from(text, 'latin1');
}

/** How they write none. */
function makeNoBytes(args: readonly PickleValue[]): Uint8Array {
  if (args.length > 0) throw pickleFault('has bytes in a form that is not known');
  return new Uint8Array();
}

function makeBoolean([value, ...rest]: readonly PickleValue[]): boolean {
  if (typeof value !== 'number' || rest.length > 0)
    throw pickleFault('has a truth value in a form that is not known');
  return value !== 0;
}
