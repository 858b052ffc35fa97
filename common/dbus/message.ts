import { createRequire } from 'node:module';
import { Message } from 'dbus-next';
import { describeError } from '../errors.js';
import { decode, parseSignature } from './decode.js';

/** Message types of the D-Bus specification. */
export const METHOD_RETURN = 2;
export const ERROR = 3;
export const SIGNAL = 4;

/** A message as it arrives. What its type requires may still be missing. */
export interface Incoming {
  readonly type: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly sender?: string;
  /** Decodes the arguments, which most messages of a flood do not deserve. @throws Error when they are malformed */
  readonly body: () => readonly unknown[];
}

export interface MethodCall {
  /** A bus name; a well-known one may start its owner. */
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** D-Bus signature of `body`. Default: no arguments. */
  readonly signature?: string;
  readonly body?: readonly unknown[];
}

const { marshallMessage } = createRequire(import.meta.url)('dbus-next/lib/marshall-compat.js') as {
  marshallMessage: (message: Message) => [bytes: Buffer, descriptors: unknown[]];
};

/** @throws Error when the arguments do not fit the signature, or a name is none */
export function encodeCall(call: MethodCall, serial: number): Buffer {
  const { body = [], ...rest } = call;
  return marshallMessage(new Message({ ...rest, body: [...body], serial }))[0];
}

/** Header: byte order, type, flags, version, length of the body, serial, fields. */
const HEADER = parseSignature('yyyyuua(yv)');
const FIXED_HEADER_BYTES = 16;
/** The longest message of the D-Bus specification: what claims to be longer is no message. */
const PROTOCOL_LIMIT_BYTES = 128 * 1024 * 1024;
/** How much of a message that is too long is in memory at once. */
const SKIP_BYTES = 64 * 1024;

/** Header fields by number: the name, and the type that it must have. */
const FIELDS: Readonly<Record<number, readonly [name: string, type: string]>> = {
  1: ['path', 'o'],
  2: ['interface', 's'],
  3: ['member', 's'],
  4: ['errorName', 's'],
  5: ['replySerial', 'u'],
  7: ['sender', 's'],
  8: ['signature', 'g'],
};

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
  const [type, fields] = [
    values[1] as number,
    values[6] as [number, { signature: string; value: unknown }][],
  ];
  const message: Record<string, unknown> = {};
  for (const [number, { signature, value }] of fields) {
    const [name, expected] = FIELDS[number] ?? [];
    if (name === undefined) continue;
    if (signature !== expected) throw new Error(`its ${name} has the wrong type`);
    message[name] = value;
  }
  const { signature = '', ...rest } = message as Omit<Incoming, 'type' | 'body'> & { signature?: string };
  return {
    ...rest,
    type,
    body: () => {
      if (!body) throw new Error('too long');
      return decode(parseSignature(signature), body, littleEndian);
    },
  };
}
