import { setImmediate as nextTurn } from 'node:timers/promises';
import { MandosError } from '../errors.js';
import { SLICE_MS } from '../slice.js';
import { Encoder } from './encode.js';
import type { DbusInterface, ServedObject } from './interface-table.js';
import { compile } from './interface-table.js';
import { EncodedBody, SEND_LIMIT_BYTES } from './message.js';
import { parseType } from './signature.js';
import { giveBackParts, PART_BYTES, takePart } from './spare-parts.js';

/** Containers around a property's variant; only its value's own can be any deeper. */
const PROPERTY_DEPTH = 6;

const OBJECT_PATH = parseType('o');

/** Properties that can be read, as an `a{sv}`. @returns where the first of them starts */
export function encodeProperties(encoder: Encoder, table: DbusInterface<unknown>, target: unknown): number {
  const place = encoder.openArray(8);
  const from = encoder.length;
  for (const { property, type, head } of compile(table).readable) {
    encoder.align(8);
    encoder.raw(head);
    encoder.value(type, property.get?.(target), PROPERTY_DEPTH);
  }
  encoder.closeArray(place, 8);
  return from;
}

/** All interfaces with the properties that can be read, as an `a{sa{sv}}`. */
export function encodeInterfaces(
  encoder: Encoder,
  standard: readonly DbusInterface<never>[],
  { interfaces, target }: ServedObject,
): void {
  const place = encoder.openArray(8);
  for (const { name } of standard) {
    encoder.align(8);
    encoder.text(name);
    encoder.closeArray(encoder.openArray(8), 8);
  }
  // Twins, which have one table of properties under two names, are encoded once.
  let twin: { properties: unknown; from: number; to: number } | undefined;
  for (const table of interfaces) {
    encoder.align(8);
    encoder.text(table.name);
    if (twin && twin.properties === table.properties) {
      const copied = encoder.openArray(8);
      encoder.copy(twin.from, twin.to);
      encoder.closeArray(copied, 8);
    } else {
      const from = encodeProperties(encoder, table, target);
      twin = { properties: table.properties, from, to: encoder.length };
    }
  }
  encoder.closeArray(place, 8);
}

/**
 * Encodes a dictionary of objects, `a{o…}`, in slices: the loop runs on in between, and what is encoded of one object
 * is of one moment.
 * @param find an object that it does not know any more is left out
 * @param encodeValue writes what the dictionary holds of an object
 * @throws MandosError DBUS_TOO_LONG when it is more than a bus relays
 */
export async function encodeObjects(
  paths: Iterable<string>,
  find: (path: string) => ServedObject | undefined,
  encodeValue: (encoder: Encoder, object: ServedObject) => void,
): Promise<EncodedBody> {
  const length = new Encoder(8);
  const lengthAt = length.openArray(8);
  const parts: Buffer[] = [length.bytes];
  const memory: Buffer[] = [];
  let encoder = new Encoder(takePart());
  let total = 0;
  const endPart = () => {
    parts.push(encoder.bytes);
    total += encoder.length;
    memory.push(encoder.memory);
  };
  let sliceEnd = performance.now() + SLICE_MS;
  for (const path of paths) {
    if (performance.now() >= sliceEnd) {
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
    const object = find(path);
    if (!object) continue;
    encoder.align(8);
    if (encoder.length >= PART_BYTES) {
      endPart();
      if (total > SEND_LIMIT_BYTES)
        throw new MandosError(
          'DBUS_TOO_LONG',
          'D-Bus: the objects are more than the 32 MiB that a bus relays',
        );
      encoder = new Encoder(takePart());
    }
    encoder.value(OBJECT_PATH, path, 1);
    encodeValue(encoder, object);
  }
  endPart();
  length.setUint32(lengthAt, total);
  return new EncodedBody(parts, () => giveBackParts(memory));
}
