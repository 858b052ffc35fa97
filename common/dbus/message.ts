import { MandosError } from '../errors.js';
import type { Variant } from './decode.js';
import { Encoder } from './encode.js';
import { isBusName, isInterfaceName, isMemberName } from './names.js';
import { parseType } from './signature.js';

/** Message types of the D-Bus specification. */
export const METHOD_CALL = 1;
export const METHOD_RETURN = 2;
export const ERROR = 3;
export const SIGNAL = 4;

/** Flags of the D-Bus specification. */
export const NO_REPLY_EXPECTED = 1;

/** Header fields of the D-Bus specification: number, and the type that each must have. */
export const FIELDS = {
  path: [1, 'o'],
  interface: [2, 's'],
  member: [3, 's'],
  errorName: [4, 's'],
  replySerial: [5, 'u'],
  destination: [6, 's'],
  sender: [7, 's'],
  signature: [8, 'g'],
} as const;

/** What a system bus of dbus-daemon relays: it ends the connection of who sends more (max_message_size). */
export const SEND_LIMIT_BYTES = 32 * 1024 * 1024;

/** Arguments of a message. */
export interface Arguments {
  /** D-Bus signature of `body`. Default: no arguments. */
  readonly signature?: string;
  readonly body?: readonly unknown[] | EncodedBody;
}

export interface MethodCall extends Arguments {
  /** A bus name; a well-known one may start its owner. */
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

export interface OutgoingSignal extends Arguments {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

/** A reply, to a call of that serial number, or an error if it has a name. */
export interface OutgoingReply extends Arguments {
  readonly destination: string;
  readonly replySerial: number;
  readonly errorName?: string;
}

/** Arguments that have been encoded already, in parts that follow one another. */
export class EncodedBody {
  readonly parts: readonly Buffer[];
  /** In bytes. */
  readonly length: number;
  /** To be called when they have been sent: their memory is another's then. */
  readonly onSent: (() => void) | undefined;

  constructor(parts: readonly Buffer[], onSent?: () => void) {
    this.parts = parts;
    this.onSent = onSent;
    this.length = parts.reduce((sum, part) => sum + part.length, 0);
  }
}

const FIELDS_TYPE = parseType('a(yv)');
/** Where a header has the length of the body. */
const BODY_LENGTH_AT = 4;
const NAME_CHECKS: Readonly<Record<string, (text: string) => boolean>> = {
  interface: isInterfaceName,
  member: isMemberName,
  errorName: isInterfaceName,
  destination: isBusName,
};

/**
 * Encodes a message.
 * @returns its bytes, in parts
 * @throws MandosError DBUS_VALUE when the arguments do not fit the signature, or a name is none; DBUS_TOO_LONG for a
 *   message that no system bus relays
 */
export function encodeMessage(
  type: number,
  message: MethodCall | OutgoingSignal | OutgoingReply,
  serial: number,
): readonly Buffer[] {
  const { body = [], ...fields } = message;
  const { signature = '' } = fields;
  const encoder = new Encoder();
  // Who is told of a failure may call again: no reply and no signal is ever answered.
  const flags = type === METHOD_CALL ? 0 : NO_REPLY_EXPECTED;
  encoder.raw(Buffer.from(['l'.charCodeAt(0), type, flags, 1]));
  encoder.uint32(0);
  encoder.uint32(serial);
  encoder.value(FIELDS_TYPE, encodableFields(fields), 0);
  encoder.align(8);
  const headerLength = encoder.length;
  if (!(body instanceof EncodedBody)) encoder.values(signature, body);
  const bodyLength = body instanceof EncodedBody ? body.length : encoder.length - headerLength;
  if (headerLength + bodyLength > SEND_LIMIT_BYTES)
    throw new MandosError('DBUS_TOO_LONG', 'D-Bus: the message is longer than the 32 MiB that a bus relays');
  encoder.setUint32(BODY_LENGTH_AT, bodyLength);
  return [encoder.bytes, ...(body instanceof EncodedBody ? body.parts : [])];
}

/** @throws MandosError DBUS_VALUE for a name that is none */
function encodableFields(
  message: Partial<Record<keyof typeof FIELDS, string | number>>,
): [number, Variant][] {
  const fields: [number, Variant][] = [];
  for (const [name, [number, signature]] of Object.entries(FIELDS)) {
    const value = message[name as keyof typeof FIELDS];
    // A message without arguments has no signature.
    if (value === undefined || (name === 'signature' && value === '')) continue;
    if (NAME_CHECKS[name]?.(String(value)) === false)
      throw new MandosError('DBUS_VALUE', `D-Bus: not a name for "${name}": "${String(value)}"`);
    fields.push([number, { signature, value }]);
  }
  return fields;
}
