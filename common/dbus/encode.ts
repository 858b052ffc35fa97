import { describeError, MandosError } from '../errors.js';
import type { Variant } from './decode.js';
import { isObjectPath } from './names.js';
import type { Type } from './signature.js';
import { DEPTH_LIMIT, parseSignature, parseType } from './signature.js';

/** Of the D-Bus specification: what is longer, the bus would take for damage, and end the connection. */
const ARRAY_LIMIT_BYTES = 64 * 1024 * 1024;
const BYTES_LIMIT = 128 * 1024 * 1024;

const TWO_TO_32 = 2 ** 32;

/** What most messages fit into. */
const FIRST_BYTES = 256;

/** Texts up to this length are written letter by letter: a call into Node.js costs more. */
const SHORT_TEXT = 64;

/** Whole numbers by type: [least, greatest]. */
export const INT_RANGE: Readonly<Record<string, readonly [number, number]>> = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-0x80000000, 0x7fffffff],
  u: [0, 0xffffffff],
  h: [0, 0xffffffff],
};
export const BIGINT_RANGE: Readonly<Record<string, readonly [bigint, bigint]>> = {
  x: [-(2n ** 63n), 2n ** 63n - 1n],
  t: [0n, 2n ** 64n - 1n],
};

/**
 * Encodes values, little-endian: the counterpart of decode. A 64-bit integer is a bigint or a safe integer, `ay` a
 * Uint8Array, a dictionary a Map, a variant `{ signature, value }`.
 * @returns bytes that belong where a message starts, or at a multiple of 8 bytes from there
 * @throws MandosError DBUS_VALUE for values that do not fit the signature: says where, and never the value
 */
export function encode(signature: string, values: readonly unknown[]): Buffer {
  const encoder = new Encoder();
  encoder.values(signature, values);
  return encoder.bytes;
}

/** @throws as encode */
function fail(what: string): never {
  throw new MandosError('DBUS_VALUE', `D-Bus: ${what}`);
}

/** A growing buffer of D-Bus values. */
export class Encoder {
  // Making room replaces both: it comes in a statement before their use.
  #bytes: Buffer;
  #view: DataView;
  #at = 0;

  /** @param memory to write to, or how much will probably be needed; it grows */
  constructor(memory: Buffer | number = FIRST_BYTES) {
    this.#bytes = typeof memory === 'number' ? Buffer.allocUnsafe(memory) : memory;
    this.#view = viewOf(this.#bytes);
  }

  /** Bytes that have been written. */
  get length(): number {
    return this.#at;
  }

  /** What it writes to: as it was given, unless that was too small. */
  get memory(): Buffer {
    return this.#bytes;
  }

  /** What has been written, until more is. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** @throws as encode */
  values(signature: string, values: readonly unknown[]): void {
    let types: readonly Type[];
    try {
      types = parseSignature(signature);
    } catch (error) {
      fail(`${describeError(error)}: "${signature}"`);
    }
    if (values.length !== types.length) fail(`${values.length} arguments for the signature "${signature}"`);
    let index = 0;
    try {
      for (const type of types) this.value(type, values[index++], 0);
    } catch (error) {
      throw placed(error, `argument ${index}`);
    }
  }

  /**
   * @param depth containers and variants around the value
   * @throws as encode
   */
  value(type: Type, value: unknown, depth: number): void {
    if (depth > DEPTH_LIMIT) fail('nested too deeply');
    switch (type.code) {
      case 's':
        this.text(value);
        return;
      case 'o':
        if (typeof value !== 'string' || !isObjectPath(value)) fail('not an object path');
        this.text(value);
        return;
      case 'g':
        this.#signature(value);
        return;
      case 'b':
        if (typeof value !== 'boolean') fail('not a boolean');
        this.uint32(value ? 1 : 0);
        return;
      case 'd':
        if (typeof value !== 'number') fail('not a number');
        this.#float(value);
        return;
      case 'x':
      case 't':
        this.#integer64(type.code, value);
        return;
      case 'v':
        this.#variant(value, depth);
        return;
      case 'a':
        this.#array(type.children[0] as Type, value, depth);
        return;
      case '(':
      case '{':
        this.#struct(type.children, value, depth);
        return;
      default:
        this.#integer(type.code, value);
    }
  }

  text(value: unknown): void {
    if (typeof value !== 'string') fail('not a text');
    const start = this.#number(4) + 4;
    if (value.length > SHORT_TEXT || !this.#ascii(value)) this.#longText(value);
    this.#view.setUint32(start - 4, this.#at - start, true);
    this.#byte(0);
  }

  uint32(value: number): void {
    const place = this.#number(4);
    this.#view.setUint32(place, value, true);
  }

  /** Writes over a number that is there. */
  setUint32(place: number, value: number): void {
    this.#view.setUint32(place, value, true);
  }

  /** Bytes that were encoded elsewhere, from a position of the same alignment. */
  raw(bytes: Uint8Array): void {
    const start = this.#skip(bytes.length);
    this.#bytes.set(bytes, start);
  }

  /** As `raw`, of what was written here. */
  copy(from: number, to: number): void {
    const start = this.#skip(to - from);
    this.#bytes.copyWithin(start, from, to);
  }

  align(size: 1 | 2 | 4 | 8): void {
    let padding = -this.#at & (size - 1);
    if (padding === 0) return;
    let at = this.#skip(padding);
    for (; padding > 0; padding--) this.#bytes[at++] = 0;
  }

  /** @returns what closeArray wants: where the array's length stands */
  openArray(alignment: 1 | 2 | 4 | 8): number {
    const place = this.#number(4);
    this.align(alignment);
    return place;
  }

  /** @throws MandosError DBUS_VALUE for an array that is too long */
  closeArray(place: number, alignment: 1 | 2 | 4 | 8): void {
    // The padding up to the first element does not count.
    const start = (place + 4 + alignment - 1) & -alignment;
    if (this.#at - start > ARRAY_LIMIT_BYTES) fail('an array of more than 64 MiB');
    this.setUint32(place, this.#at - start);
  }

  #byte(value: number): void {
    const place = this.#skip(1);
    this.#bytes[place] = value;
  }

  #uint16(value: number): void {
    const place = this.#number(2);
    this.#view.setUint16(place, value, true);
  }

  #float(value: number): void {
    const place = this.#number(8);
    this.#view.setFloat64(place, value, true);
  }

  #integer(code: string, value: unknown): void {
    const [least, greatest] = INT_RANGE[code] as readonly [number, number];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > greatest)
      fail(`not a whole number from ${least} to ${greatest}`);
    if (code === 'y') this.#byte(value);
    else if (code === 'n' || code === 'q') this.#uint16(value);
    else this.uint32(value);
  }

  #integer64(code: 'x' | 't', value: unknown): void {
    // Without a bigint: durations of thousands of clients are in one message.
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) {
      const place = this.#number(8);
      this.#view.setUint32(place, value % TWO_TO_32, true);
      this.#view.setUint32(place + 4, Math.floor(value / TWO_TO_32), true);
      return;
    }
    const [least, greatest] = BIGINT_RANGE[code] as readonly [bigint, bigint];
    const big = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof big !== 'bigint' || big < least || big > greatest)
      fail(`not a bigint or safe integer from ${least} to ${greatest}`);
    const place = this.#number(8);
    this.#view.setBigUint64(place, BigInt.asUintN(64, big), true);
  }

  #signature(value: unknown): void {
    if (typeof value !== 'string') fail('not a signature');
    try {
      parseSignature(value);
    } catch {
      fail('not a signature');
    }
    this.#byte(value.length);
    this.#ascii(value);
    this.#byte(0);
  }

  #variant(value: unknown, depth: number): void {
    const { signature, value: inner } = (value ?? {}) as Partial<Variant>;
    if (typeof signature !== 'string') fail('not a variant');
    let type: Type;
    try {
      type = parseType(signature);
    } catch (error) {
      fail(describeError(error));
    }
    this.#signature(signature);
    try {
      this.value(type, inner, depth + 1);
    } catch (error) {
      throw placed(error, '.value');
    }
  }

  #array(element: Type, value: unknown, depth: number): void {
    const place = this.openArray(element.alignment);
    if (element.code === 'y') {
      if (!(value instanceof Uint8Array)) fail('not bytes');
      this.raw(value);
    } else if (element.code === '{') {
      if (!(value instanceof Map)) fail('not a Map');
      this.#elements(element, value, depth);
    } else {
      if (!Array.isArray(value)) fail('not an array');
      this.#elements(element, value, depth);
    }
    this.closeArray(place, element.alignment);
  }

  #elements(element: Type, values: Iterable<unknown>, depth: number): void {
    let index = 0;
    try {
      for (const value of values) {
        this.value(element, value, depth + 1);
        index++;
      }
    } catch (error) {
      throw placed(error, `[${index}]`);
    }
  }

  #struct(types: readonly Type[], value: unknown, depth: number): void {
    if (!Array.isArray(value) || value.length !== types.length) fail(`not an array of ${types.length}`);
    this.align(8);
    let index = 0;
    try {
      for (const type of types) this.value(type, value[index++], depth + 1);
    } catch (error) {
      throw placed(error, `.${index}`);
    }
  }

  /** Writes letters of ASCII. @returns false, and has written nothing, when there are others */
  #ascii(text: string): boolean {
    const start = this.#skip(text.length);
    const bytes = this.#bytes;
    for (let i = 0; i < text.length; i++) {
      const letter = text.charCodeAt(i);
      if (letter === 0 || letter > 0x7f) {
        this.#at = start;
        return false;
      }
      bytes[start + i] = letter;
    }
    return true;
  }

  #longText(text: string): void {
    // Half of a surrogate pair has no UTF-8; NUL ends a text.
    if (/[\0\p{Surrogate}]/u.test(text)) fail('text that D-Bus cannot hold');
    const length = Buffer.byteLength(text);
    const start = this.#skip(length);
    this.#bytes.write(text, start, length);
  }

  /** Makes room for a number, which is aligned to its size. @returns where it is */
  #number(size: 1 | 2 | 4 | 8): number {
    this.align(size);
    return this.#skip(size);
  }

  /** Makes room. @returns where it is */
  #skip(length: number): number {
    const start = this.#at;
    const end = start + length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#at = end;
    return start;
  }

  #grow(length: number): void {
    if (length > BYTES_LIMIT) fail('more than 128 MiB');
    const bytes = Buffer.allocUnsafe(Math.min(BYTES_LIMIT, Math.max(length, 2 * this.#bytes.length)));
    this.#bytes.copy(bytes, 0, 0, this.#at);
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Adds to an error where in the values it was. */
function placed(error: unknown, place: string): unknown {
  if (!(error instanceof MandosError)) return error;
  const what = error.message.replace(/^D-Bus: /, '');
  return new MandosError(error.code, `D-Bus: ${place}${/^[[.]/.test(what) ? '' : ': '}${what}`);
}
