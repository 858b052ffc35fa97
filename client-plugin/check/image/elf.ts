import { MandosError } from '../../../common/errors.js';

/** What tells whether a program or library can be loaded (elf(5)). */
export interface ElfFacts {
  readonly bits: 32 | 64;
  /** Processor architecture: e_machine. */
  readonly machine: number;
  /** Libraries that it needs, by the names that the linker looks for: DT_NEEDED. */
  readonly needed: readonly string[];
  /** Directories in which it wants them to be looked for first: DT_RUNPATH and DT_RPATH. */
  readonly runPath: readonly string[];
  /** The dynamic linker: PT_INTERP. */
  readonly interpreter: string | undefined;
  /** Of its symbol versions, those that it defines. */
  readonly versions: readonly string[];
  /** What the linker has marked this build with, in hexadecimal; stripping leaves it. */
  readonly buildId: string | undefined;
}

/** Somewhere that bytes can be read from. */
export interface Bytes {
  readonly size: number;
  /** @returns the bytes there: fewer when it ends before */
  read(offset: number, length: number): Buffer;
}

/** Bytes in memory. */
export function bytesOf(buffer: Buffer): Bytes {
  return { size: buffer.length, read: (offset, length) => buffer.subarray(offset, offset + length) };
}

export const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1');

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
const DT_VERDEF = 0x6ffffffc;
const DT_VERDEFNUM = 0x6ffffffd;
const NT_GNU_BUILD_ID = 3;

/** More than any linker makes; what a file says of itself is not to be trusted. */
const MAX_DYNAMIC = 4096;
const MAX_VERSIONS = 1024;
const STRING_LIMIT_BYTES = 4096;
const NOTE_LIMIT_BYTES = 64 * 1024;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/**
 * Reads an ELF file's head, without loading or running it.
 * @throws MandosError ELF: damaged, or cut off
 */
export function readElf(source: Bytes): ElfFacts {
  return new ElfReader(source).facts();
}

class ElfReader {
  readonly #source: Bytes;
  readonly #wide: boolean;
  readonly #little: boolean;

  constructor(source: Bytes) {
    this.#source = source;
    const ident = source.read(0, 16);
    const [kind, order] = [ident[4], ident[5]];
    if (!ident.subarray(0, 4).equals(ELF_MAGIC) || (kind !== 1 && kind !== 2) || (order !== 1 && order !== 2))
      throw fault('it is not an ELF file');
    this.#wide = kind === 2;
    this.#little = order === 1;
  }

  facts(): ElfFacts {
    const segments = this.#segments();
    const dynamic = this.#dynamic(segments);
    const values = (...tags: number[]) => dynamic.filter(({ tag }) => tags.includes(tag));
    const [strings] = values(DT_STRTAB);
    const stringsAt = strings === undefined ? undefined : fileOffset(segments, strings.value);
    const text = (offset: number) => {
      if (stringsAt === undefined) throw fault('it has names, and no place for them');
      return this.#string(stringsAt + offset, STRING_LIMIT_BYTES);
    };
    const interpreter = segments.find(({ type }) => type === PT_INTERP);
    return {
      bits: this.#wide ? 64 : 32,
      machine: this.#number(18, 2),
      needed: values(DT_NEEDED).map(({ value }) => text(value)),
      runPath: values(DT_RPATH, DT_RUNPATH).flatMap(({ value }) => text(value).split(':')),
      interpreter: interpreter && this.#string(interpreter.offset, interpreter.bytes),
      versions: this.#versions(segments, dynamic, text),
      buildId: this.#buildId(segments),
    };
  }

  #segments(): Segment[] {
    const [at, entryBytes, count] = this.#wide
      ? [this.#number(32, 8), this.#number(54, 2), this.#number(56, 2)]
      : [this.#number(28, 4), this.#number(42, 2), this.#number(44, 2)];
    return Array.from({ length: count }, (_, i) => {
      const entry = at + i * entryBytes;
      return this.#wide
        ? {
            type: this.#number(entry, 4),
            offset: this.#number(entry + 8, 8),
            address: this.#number(entry + 16, 8),
            bytes: this.#number(entry + 32, 8),
          }
        : {
            type: this.#number(entry, 4),
            offset: this.#number(entry + 4, 4),
            address: this.#number(entry + 8, 4),
            bytes: this.#number(entry + 16, 4),
          };
    });
  }

  #dynamic(segments: readonly Segment[]): { readonly tag: number; readonly value: number }[] {
    const segment = segments.find(({ type }) => type === PT_DYNAMIC);
    if (segment === undefined) return [];
    const word = this.#wide ? 8 : 4;
    const entries = [];
    for (let i = 0; i < Math.min(MAX_DYNAMIC, segment.bytes / (2 * word)); i++) {
      const tag = this.#number(segment.offset + 2 * i * word, word);
      if (tag === 0) break;
      entries.push({ tag, value: this.#number(segment.offset + (2 * i + 1) * word, word) });
    }
    return entries;
  }

  /** Names of Elf_Verdef, each by its first Elf_Verdaux. */
  #versions(
    segments: readonly Segment[],
    dynamic: readonly { readonly tag: number; readonly value: number }[],
    text: (offset: number) => string,
  ): string[] {
    const table = dynamic.find(({ tag }) => tag === DT_VERDEF);
    const count = dynamic.find(({ tag }) => tag === DT_VERDEFNUM)?.value ?? 0;
    if (table === undefined) return [];
    const names = [];
    let at = fileOffset(segments, table.value);
    for (let i = 0; i < Math.min(count, MAX_VERSIONS); i++) {
      names.push(text(this.#number(at + this.#number(at + 12, 4), 4)));
      const next = this.#number(at + 16, 4);
      if (next === 0) break;
      at += next;
    }
    return names;
  }

  #buildId(segments: readonly Segment[]): string | undefined {
    for (const { type, offset, bytes } of segments) {
      if (type !== PT_NOTE) continue;
      const end = offset + Math.min(bytes, NOTE_LIMIT_BYTES);
      for (let at = offset; at + 12 <= end;) {
        const [nameBytes, valueBytes] = [this.#number(at, 4), this.#number(at + 4, 4)];
        const value = at + 12 + aligned(nameBytes);
        if (this.#number(at + 8, 4) === NT_GNU_BUILD_ID && this.#string(at + 12, nameBytes) === 'GNU')
          return this.#read(value, Math.min(valueBytes, 64)).toString('hex');
        at = value + aligned(valueBytes);
      }
    }
    return undefined;
  }

  #number(offset: number, bytes: 2 | 4 | 8): number {
    const there = this.#read(offset, bytes);
    if (bytes === 8) {
      // Above 2^53 it is no place in a file; the nearest number is none either.
      return Number(this.#little ? there.readBigUInt64LE() : there.readBigUInt64BE());
    }
    return this.#little ? there.readUIntLE(0, bytes) : there.readUIntBE(0, bytes);
  }

  #string(offset: number, limit: number): string {
    const bytes = this.#source.read(offset, Math.min(limit, STRING_LIMIT_BYTES));
    const end = bytes.indexOf(0);
    if (end < 0) throw fault('a name in it has no end');
    return bytes.toString('utf8', 0, end);
  }

  #read(offset: number, length: number): Buffer {
    if (!(offset + length <= this.#source.size)) throw fault('it is cut off');
    const bytes = this.#source.read(offset, length);
    if (bytes.length < length) throw fault('it is cut off');
    return bytes;
  }
}

/** Without bit operations, whose results can be negative. */
const aligned = (bytes: number) => Math.ceil(bytes / 4) * 4;

/** Where in the file lies what is loaded at an address. */
function fileOffset(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    ({ type, address: start, bytes }) => type === PT_LOAD && address >= start && address < start + bytes,
  );
  if (segment === undefined) throw fault('it refers to what it does not have');
  return address - segment.address + segment.offset;
}

function fault(what: string): MandosError {
  return new MandosError('ELF', what);
}
