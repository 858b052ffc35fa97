import { describeError } from '../errors.js';
import { decode } from './decode.js';
import { FIELDS, NO_REPLY_EXPECTED } from './message.js';

/** A message as it arrives. What its type requires may still be missing. */
export interface Incoming {
  readonly type: number;
  readonly serial: number;
  readonly noReply: boolean;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly sender?: string;
  readonly signature: string;
  /** Decodes the arguments, which most messages of a flood do not deserve. @throws Error when they are malformed */
  readonly body: () => readonly unknown[];
}

/** Header: byte order, type, flags, version, length of the body, serial, fields. */
const HEADER = 'yyyyuua(yv)';
const FIXED_HEADER_BYTES = 16;
/** The longest message of the D-Bus specification: what claims to be longer is no message. */
const PROTOCOL_LIMIT_BYTES = 128 * 1024 * 1024;
/** How much of a message that is too long is in memory at once. */
const SKIP_BYTES = 64 * 1024;

const FIELD_BY_NUMBER = new Map<number, readonly [name: string, type: string]>(
  Object.entries(FIELDS).map(([name, [number, type]]) => [number, [name, type]]),
);

/**
 * Finds the messages in a stream. Ask it for the number of bytes that it wants, and give it so many.
 * @param limitBytes a header or a body that is longer is read past
 * @param onMessage a body that was too long throws when it is asked for
 * @param onFault says why a message was dropped
 * @throws Error when the stream is none of messages; nothing more can be made of it
 */
export function* readMessages(
  limitBytes: number,
  onMessage: (message: Incoming) => void,
  onFault: (reason: string) => void,
): Generator<number, never, Buffer> {
  for (;;) {
    const fixed = yield FIXED_HEADER_BYTES;
    const littleEndian = fixed[0] === 'l'.charCodeAt(0);
    const uint32 = (at: number) => (littleEndian ? fixed.readUInt32LE(at) : fixed.readUInt32BE(at));
    const [bodyLength, fieldsLength] = [uint32(4), uint32(12)];
    if (!(littleEndian || fixed[0] === 'B'.charCodeAt(0)) || fixed[3] !== 1)
      throw new Error('the bus does not speak D-Bus');
    if (fieldsLength + bodyLength > PROTOCOL_LIMIT_BYTES)
      throw new Error('the bus sent what is too long for a message');
    const fields = yield* take(Math.ceil(fieldsLength / 8) * 8, limitBytes);
    const body = yield* take(bodyLength, limitBytes);
    try {
      if (!fields) throw new Error('its header is too long');
      const header = Buffer.concat([fixed, fields.subarray(0, fieldsLength)]);
      onMessage(readMessage(header, body, littleEndian));
    } catch (error) {
      onFault(`a message was dropped: ${describeError(error)}`);
    }
  }
}

/** @returns undefined for more than the limit, which is read past */
function* take(length: number, limitBytes: number): Generator<number, Buffer | undefined, Buffer> {
  if (length <= limitBytes) return length === 0 ? Buffer.alloc(0) : yield length;
  for (let left = length; left > 0; left -= SKIP_BYTES) yield Math.min(left, SKIP_BYTES);
  return undefined;
}

function readMessage(header: Buffer, body: Buffer | undefined, littleEndian: boolean): Incoming {
  const values = decode(HEADER, header, littleEndian);
  const [, type, flags, , , serial, fields] = values as [
    ...(readonly [unknown, number, number, unknown, unknown, number]),
    [number, { signature: string; value: unknown }][],
  ];
  const message: Record<string, unknown> = {};
  for (const [number, field] of fields) {
    const [name, expected] = FIELD_BY_NUMBER.get(number) ?? [];
    if (name === undefined) continue;
    if (field.signature !== expected) throw new Error(`its ${name} has the wrong type`);
    message[name] = field.value;
  }
  const { signature = '', ...rest } = message as Partial<Incoming>;
  let decoded: readonly unknown[] | undefined;
  return {
    ...rest,
    type,
    serial,
    noReply: (flags & NO_REPLY_EXPECTED) !== 0,
    signature,
    body: () => {
      if (!body) throw new Error('too long');
      decoded ??= decode(signature, body, littleEndian);
      return decoded;
    },
  };
}
