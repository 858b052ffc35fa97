import { Variant } from 'dbus-next';

/** Containers within containers, variants included: as deep as the D-Bus specification allows. */
const DEPTH_LIMIT = 64;

const BASIC_TYPES = 'ybnqiuxtdhsog';

/** One complete type: a letter of BASIC_TYPES, `v`, or `a`, `(`, `{` with what they contain. */
export interface Type {
  readonly code: string;
  readonly children: readonly Type[];
}

/**
 * Reads a signature.
 * @throws Error for one that the D-Bus specification does not allow; what is left has no type whose values take no
 *   bytes, so that an array of them ends
 */
export function parseSignature(signature: string): Type[] {
  let at = 0;
  const parse = (parent = ''): Type => {
    const code = signature[at++] ?? '';
    const children: Type[] = [];
    if (code === 'a') {
      children.push(parse(code));
    } else if (code === '(') {
      while (children.length === 0 || signature[at] !== ')') children.push(parse(code));
      at++;
    } else if (code === '{' && parent === 'a') {
      children.push(parse(code), parse(code));
      if (children[0]?.children.length !== 0 || children[0].code === 'v' || signature[at++] !== '}')
        throw new Error('bad dictionary in a signature');
    } else if (code === '' || !`${BASIC_TYPES}v`.includes(code)) {
      throw new Error('bad signature');
    }
    return { code, children };
  };
  const types: Type[] = [];
  while (at < signature.length) types.push(parse());
  return types;
}

/**
 * Decodes values, whoever made them: dbus-next's decoder trusts lengths and signatures, and can be sent into a loop.
 * @param bytes all of them and nothing else; starts where the message does, or at a multiple of 8 bytes from there
 * @returns a value for each type: 64-bit integers are BigInt, byte arrays Buffer (of `bytes`), dictionaries Map,
 *   variants dbus-next's Variant; a file descriptor (`h`) is its index, as none are ever received
 * @throws Error for bytes that are no such values (D-Bus specification, "Marshaling")
 */
export function decode(types: readonly Type[], bytes: Buffer, littleEndian: boolean): unknown[] {
  const decoder = new Decoder(bytes, littleEndian);
  const values = types.map(type => decoder.value(type, 0));
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
    const [type, ...more] = parseSignature(signature);
    if (type === undefined || more.length > 0) throw new Error('a variant must have one type');
    return new Variant(signature, this.value(type, depth + 1));
  }

  #array(element: Type, depth: number): unknown {
    const length = this.#uint32();
    if ('xtd({'.includes(element.code)) this.#align(8);
    const start = this.#skip(length);
    if (element.code === 'y') return this.#bytes.subarray(start, this.#at);
    const end = this.#at;
    this.#at = start;
    const values: unknown[] = [];
    while (this.#at < end) values.push(this.value(element, depth + 1));
    if (this.#at > end) throw new Error('an array longer than it says');
    return element.code === '{' ? new Map(values as [unknown, unknown][]) : values;
  }

  #text(length: number): string {
    const start = this.#skip(length + 1);
    if (this.#bytes[start + length] !== 0) throw new Error('text without its end');
    return utf8.decode(this.#bytes.subarray(start, start + length));
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
