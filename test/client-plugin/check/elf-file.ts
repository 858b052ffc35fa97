/** What a made-up program or library says of itself. */
export interface ElfParts {
  readonly needed?: readonly string[];
  readonly interpreter?: string;
  readonly runPath?: string;
  readonly versions?: readonly string[];
  readonly buildId?: string;
  readonly machine?: number;
  readonly bits?: 32 | 64;
  readonly bigEndian?: boolean;
  /** Behind all the rest. */
  readonly text?: string;
}

const X86_64 = 62;
const BASE_ADDRESS = 0x400000;

/** An ELF file with all the head of a real one and no code (elf(5)). */
export function elfFile(parts: ElfParts): Buffer {
  const { needed = [], versions = [], machine = X86_64, bits = 64, bigEndian = false } = parts;
  const wide = bits === 64;
  const word = wide ? 8 : 4;
  const number = (value: number, bytes: number) => {
    const buffer = Buffer.alloc(bytes);
    if (bytes === 8) {
      if (bigEndian) buffer.writeBigUInt64BE(BigInt(value));
      else buffer.writeBigUInt64LE(BigInt(value));
    } else if (bigEndian) buffer.writeUIntBE(value, 0, bytes);
    else buffer.writeUIntLE(value, 0, bytes);
    return buffer;
  };
  const words = (...values: number[]) => Buffer.concat(values.map(value => number(value, word)));
  const halves = (...values: number[]) => Buffer.concat(values.map(value => number(value, 2)));
  const ints = (...values: number[]) => Buffer.concat(values.map(value => number(value, 4)));

  let strings = '\0';
  const string = (text: string) => {
    const at = strings.length;
    strings += `${text}\0`;
    return at;
  };
  const dynamic: [number, number | 'strings' | 'versions'][] = needed.map(name => [1, string(name)]);
  if (parts.runPath !== undefined) dynamic.push([29, string(parts.runPath)]);
  const versionEntries = versions.map((name, i) =>
    Buffer.concat([
      halves(1, 0, i + 1, 1),
      ints(0, 20, i + 1 < versions.length ? 28 : 0),
      ints(string(name), 0),
    ]),
  );
  dynamic.push([5, 'strings']);
  if (versions.length > 0) dynamic.push([0x6ffffffc, 'versions'], [0x6ffffffd, versions.length]);
  dynamic.push([0, 0]);

  const note =
    parts.buildId === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([
          ints(4, parts.buildId.length / 2, 3),
          Buffer.from('GNU\0'),
          Buffer.from(parts.buildId, 'hex'),
        ]);
  const interpreter = Buffer.from(parts.interpreter === undefined ? '' : `${parts.interpreter}\0`);
  const [headBytes, entryBytes, segments] = [wide ? 64 : 52, wide ? 56 : 32, 4];
  const bodies = [
    interpreter,
    note,
    Buffer.from(strings),
    Buffer.concat(versionEntries),
    Buffer.alloc(dynamic.length * 2 * word),
  ];
  const offsets: number[] = [];
  let end = headBytes + segments * entryBytes;
  for (const body of bodies) {
    offsets.push(end);
    end += Math.ceil(body.length / 8) * 8;
  }
  const [interpreterAt = 0, noteAt = 0, stringsAt = 0, versionsAt = 0, dynamicAt = 0] = offsets;
  const places = { strings: BASE_ADDRESS + stringsAt, versions: BASE_ADDRESS + versionsAt };
  bodies[4] = words(
    ...dynamic.flatMap(([tag, value]) => [tag, typeof value === 'number' ? value : places[value]]),
  );

  const segment = (type: number, offset: number, bytes: number) =>
    wide
      ? Buffer.concat([ints(type, 4), words(offset, BASE_ADDRESS + offset, 0, bytes, bytes, 8)])
      : words(type, offset, BASE_ADDRESS + offset, 0, bytes, bytes, 4, 8);
  const NOTHING = 0;
  const head = Buffer.concat([
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, bigEndian ? 2 : 1, 1]),
    Buffer.alloc(9),
    halves(3, machine),
    ints(1),
    words(0, headBytes, 0),
    ints(0),
    halves(headBytes, entryBytes, segments, 0, 0, 0),
    segment(1, 0, end),
    segment(2, dynamicAt, bodies[4].length),
    interpreter.length > 0 ? segment(3, interpreterAt, interpreter.length) : segment(NOTHING, 0, 0),
    note.length > 0 ? segment(4, noteAt, note.length) : segment(NOTHING, 0, 0),
  ]);
  const padded = bodies.map(body => Buffer.concat([body, Buffer.alloc(-body.length & 7)]));
  return Buffer.concat([head, ...padded, Buffer.from(parts.text ?? '')]);
}
