import type { Type } from './signature.js';
import { DEPTH_LIMIT, parseSignature, parseType } from './signature.js';

/** Texts up to this length are looked through letter by letter: TextDecoder costs more. */
const SHORT_TEXT = 64;

/**
 * Short texts that are remembered, each in the place that its letters lead to: the names of properties, and many of
 * their values, come once for each of thousands of objects, and making them anew is what decoding would mostly do.
 */
const REMEMBERED_TEXTS = 1024;
const remembered: string[] = Array.from({ length: REMEMBERED_TEXTS }, () => '');

/** A value with its type. */
export interface Variant {
  /** Of one complete type. */
  readonly signature: string;
  readonly value: unknown;
}

/**
 * Decodes values, whoever made them.
 * @param bytes all of them and nothing else; starts where the message does, or at a multiple of 8 bytes from there
 * @returns a value for each type: 64-bit integers are BigInt, byte arrays Buffer (of `bytes`), dictionaries Map,
 *   variants Variant; a file descriptor (`h`) is its index, as none are ever received
 * @throws Error for bytes that are no such values (D-Bus specification, "Marshaling")
 */
export function decode(signature: string, bytes: Buffer, littleEndian: boolean): unknown[] {
  const decoder = new Decoder(bytes, littleEndian);
  const values = parseSignature(signature).map(type => decoder.value(type, 0));
  if (!decoder.atEnd) throw new Error('longer than its signature says');
  return values;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Decoder {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #at = 0;

  constructor(bytes: Buffer, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#littleEndian = littleEndian;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value({ code, children }: Type, depth: number): unknown {
    if (depth > DEPTH_LIMIT) throw new Error('nested too deeply');
    const view = this.#view;
    const littleEndian = this.#littleEndian;
    switch (code) {
      case 'y':
        return view.getUint8(this.#number(1));
      case 'n':
        return view.getInt16(this.#number(2), littleEndian);
      case 'q':
        return view.getUint16(this.#number(2), littleEndian);
      case 'i':
        return view.getInt32(this.#number(4), littleEndian);
      case 'u':
      case 'h':
        return this.#uint32();
      case 'b':
        return this.#boolean();
      case 'x':
        return view.getBigInt64(this.#number(8), littleEndian);
      case 't':
        return view.getBigUint64(this.#number(8), littleEndian);
      case 'd':
        return view.getFloat64(this.#number(8), littleEndian);
      case 's':
      case 'o':
        return this.#text(this.#uint32());
      case 'g':
        return this.#text(view.getUint8(this.#number(1)));
      case 'v':
        return this.#variant(depth);
      case 'a':
        return this.#array(children[0] as Type, depth);
      default:
        this.#align(8);
        return children.map(child => this.value(child, depth + 1));
    }
  }

  #boolean(): boolean {
    const value = this.#uint32();
    if (value > 1) throw new Error('a boolean that is neither 0 nor 1');
    return value === 1;
  }

  #variant(depth: number): Variant {
    const signature = this.#text(this.#view.getUint8(this.#number(1)));
    return { signature, value: this.value(parseType(signature), depth + 1) };
  }

  #array(element: Type, depth: number): unknown {
    const length = this.#uint32();
    this.#align(element.alignment);
    const start = this.#skip(length);
    if (element.code === 'y') return this.#bytes.subarray(start, this.#at);
    const end = this.#at;
    this.#at = start;
    const values =
      element.code === '{' ? this.#entries(element, end, depth) : this.#elements(element, end, depth);
    if (this.#at > end) throw new Error('an array longer than it says');
    return values;
  }

  #elements(element: Type, end: number, depth: number): unknown[] {
    const values: unknown[] = [];
    while (this.#at < end) values.push(this.value(element, depth + 1));
    return values;
  }

  #entries({ children }: Type, end: number, depth: number): Map<unknown, unknown> {
    const [key, value] = children as [Type, Type];
    const entries = new Map<unknown, unknown>();
    while (this.#at < end) {
      this.#align(8);
      entries.set(this.value(key, depth + 2), this.value(value, depth + 2));
    }
    return entries;
  }

  #text(length: number): string {
    const start = this.#skip(length + 1);
    const end = start + length;
    const bytes = this.#bytes;
    if (bytes[end] !== 0) throw new Error('text without its end');
    const text = length <= SHORT_TEXT ? this.#ascii(start, end) : undefined;
    return text ?? utf8.decode(bytes.subarray(start, end));
  }

  /** @returns undefined when there are other letters */
  #ascii(start: number, end: number): string | undefined {
    const bytes = this.#bytes;
    let place = end - start;
    for (let at = start; at < end; at++) {
      const letter = bytes[at] as number;
      if (letter > 0x7f) return undefined;
      place = (Math.imul(place, 31) + letter) | 0;
    }
    place &= REMEMBERED_TEXTS - 1;
    const known = remembered[place] as string;
    if (this.#isThere(known, start, end)) return known;
    const text = bytes.toString('latin1', start, end);
    remembered[place] = text;
    return text;
  }

  #isThere(text: string, start: number, end: number): boolean {
    if (text.length !== end - start) return false;
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== this.#bytes[start + i]) return false;
    return true;
  }

  #uint32(): number {
    return this.#view.getUint32(this.#number(4), this.#littleEndian);
  }

  /** Passes over a number, which is aligned to its size. @returns where it is */
  #number(size: 1 | 2 | 4 | 8): number {
    this.#align(size);
    return this.#skip(size);
  }

  #align(size: number): void {
    this.#skip(-this.#at & (size - 1));
  }

  /** @returns where the bytes passed over are */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new Error('shorter than it says');
    this.#at += length;
    return start;
  }
}
