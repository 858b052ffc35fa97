import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { describeError, MandosError } from '../../../common/errors.js';
import { CpioReader } from './cpio.js';
import type { CpioEntry, EntrySink } from './cpio.js';
import { compressionOf, decompress, MAGIC_BYTES } from './decompress.js';
import { bytesOf, ELF_MAGIC, readElf } from './elf.js';
import { IMAGE_FAULT } from './fault.js';
import { nodeVersionOf } from './node-version.js';
import { ImageTree } from './tree.js';
import type { ImageFile } from './tree.js';

/** An initramfs image, looked into. */
export interface Image {
  /** Its path. */
  readonly file: string;
  /** Permission bits of the file itself. */
  readonly mode: number;
  /** The group that it belongs to. */
  readonly gid: number;
  /** Its size in bytes, as it is loaded. */
  readonly size: number;
  readonly tree: ImageTree;
  /** Paths for which there is no directory, so that they are not there when it is used. */
  readonly lost: readonly string[];
}

/** Bytes read at once. */
const CHUNK_BYTES = 256 * 1024;
/** Bytes of an unpacked image; it lies in the machine's memory when it boots. */
const UNPACKED_LIMIT_BYTES = 4 * 1024 ** 3;
/** Names in an image: the largest have some ten thousand. */
const MAX_ENTRIES = 200_000;
/** Bytes of all names, which stay in memory. */
const NAMES_LIMIT_BYTES = 32 * 1024 * 1024;
/** Bytes of one file whose text is looked at; modules.dep of a full set of modules has half a megabyte. */
const TEXT_LIMIT_BYTES = 4 * 1024 * 1024;
/** Bytes of all of these. */
const TEXTS_LIMIT_BYTES = 32 * 1024 * 1024;
/** Bytes of a program that is in memory while it is looked at, one at a time: node has some 100 MB. */
const ELF_LIMIT_BYTES = 256 * 1024 * 1024;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

/** Files whose content is looked at. */
const TEXTS =
  /^((conf\/conf\.d|etc)\/mandos\/|(usr\/)?lib\/mandos\/mandos-boot$|cryptroot\/crypttab$|etc\/crypttab$|scripts\/[^/]+\/ORDER$|etc\/ld\.so\.conf|(usr\/)?lib\/modules\/[^/]+\/modules\.(dep|builtin)$)/;
/** Kernel modules and firmware are ELF files too, and not programs. */
const NOT_PROGRAMS = /^(usr\/)?lib\/(modules|firmware)\/|\.ko(\.\w+)?$/;

/**
 * Reads an image as the kernel does: archives one behind the other, of which the last may be compressed. All in memory,
 * and only what is looked at is kept there.
 * @param limitBytes of what is compressed
 * @throws MandosError IMAGE: it cannot be read, or is not one
 */
export async function readImage(file: string, limitBytes: number = UNPACKED_LIMIT_BYTES): Promise<Image> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    throw new MandosError(IMAGE_FAULT, `cannot be read: ${describeError(error)}`, { cause: error });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new MandosError(IMAGE_FAULT, 'is not a regular file');
    const collector = new Collector(limitBytes);
    await readArchives(chunksOf(handle), collector);
    const { tree, lost } = collector;
    return { file, mode: stat.mode & 0o7777, gid: stat.gid, size: stat.size, tree, lost };
  } finally {
    await handle.close();
  }
}

async function* chunksOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    // A new one each time: a decompressor may not have taken the last one yet.
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    let bytesRead;
    try {
      ({ bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES));
    } catch (error) {
      throw new MandosError(IMAGE_FAULT, `cannot be read: ${describeError(error)}`, { cause: error });
    }
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function readArchives(chunks: AsyncGenerator<Uint8Array>, collector: Collector): Promise<void> {
  const plain = new CpioReader(entry => collector.entry(entry), 'the image');
  for await (const chunk of chunks) {
    const read = plain.write(chunk);
    if (read < chunk.length) {
      await readCompressed(await prepend(chunk.subarray(read), chunks), plain.offset, collector);
      return;
    }
  }
  if (plain.offset === 0) throw new MandosError(IMAGE_FAULT, 'is empty');
  plain.end();
  if (plain.archives === 0) throw new MandosError(IMAGE_FAULT, 'is nothing but zeros');
}

/** The rest of the image, and enough of its beginning to tell what it is. */
async function prepend(
  first: Uint8Array,
  chunks: AsyncGenerator<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly rest: AsyncGenerator<Uint8Array> }> {
  let head = first;
  while (head.length < MAGIC_BYTES) {
    const { done, value } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* rest() {
    yield head;
    yield* chunks;
  }
  return { head, rest: rest() };
}

async function readCompressed(
  { head, rest }: { readonly head: Uint8Array; readonly rest: AsyncGenerator<Uint8Array> },
  offset: number,
  collector: Collector,
): Promise<void> {
  const compression = compressionOf(head);
  if (compression === undefined) {
    const begins = Buffer.from(head.subarray(0, MAGIC_BYTES)).toString('hex');
    throw new MandosError(
      IMAGE_FAULT,
      offset === 0
        ? `is not an initramfs image: it begins with ${begins}, which is no cpio archive and no known compression`
        : `is damaged: at byte ${offset} it goes on with ${begins}, which is no cpio archive and no known compression`,
    );
  }
  const reader = new CpioReader(
    entry => collector.entry(entry),
    `what is compressed with ${compression.name}`,
  );
  for await (const chunk of decompress(compression, rest)) {
    if (reader.write(chunk) < chunk.length) {
      throw new MandosError(
        IMAGE_FAULT,
        `is damaged: at byte ${reader.offset} of what is compressed with ${compression.name} no archive goes on`,
      );
    }
    if (reader.offset > collector.limitBytes)
      throw new MandosError(IMAGE_FAULT, `is larger than ${collector.limitBytes} bytes when unpacked`);
  }
  reader.end();
  if (reader.archives === 0)
    throw new MandosError(IMAGE_FAULT, `has nothing in what is compressed with ${compression.name}`);
}

/** Puts entries into a tree, with what is looked at later. */
class Collector {
  readonly tree = new ImageTree();
  readonly lost: string[] = [];
  readonly limitBytes: number;
  #entries = 0;
  #nameBytes = 0;
  #textBytes = 0;
  /** Names of one file that came before its content, by its inode. */
  readonly #links = new Map<string, ImageFile[]>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  entry(entry: CpioEntry): EntrySink | undefined {
    this.#entries++;
    this.#nameBytes += entry.name.length;
    if (this.#entries > MAX_ENTRIES || this.#nameBytes > NAMES_LIMIT_BYTES)
      throw new MandosError(IMAGE_FAULT, `has more than ${this.#entries - 1} files, which no image has`);
    const path = entry.name.replace(/^(\.?\/)+/, '');
    const common = { path, mode: entry.mode & 0o7777, size: entry.size };
    switch (entry.mode & S_IFMT) {
      case S_IFDIR:
        this.#add({ ...common, kind: 'directory' });
        return undefined;
      case S_IFLNK:
        return this.#linkSink(common, entry.size);
      case S_IFREG:
        return this.#fileSink(common, entry);
      default:
        this.#add({ ...common, kind: 'other' });
        return undefined;
    }
  }

  #add(file: ImageFile): void {
    if (!this.tree.add(file)) this.lost.push(file.path);
  }

  #linkSink(common: Pick<ImageFile, 'path' | 'mode' | 'size'>, size: number): EntrySink | undefined {
    if (size === 0 || size >= 4096) {
      this.lost.push(common.path);
      return undefined;
    }
    this.#nameBytes += size;
    const pieces: Buffer[] = [];
    return {
      write: piece => pieces.push(Buffer.from(piece)),
      close: () => {
        const [target = ''] = Buffer.concat(pieces).toString().split('\0', 1);
        this.#add({ ...common, kind: 'link', target });
      },
    };
  }

  #fileSink(common: Pick<ImageFile, 'path' | 'mode' | 'size'>, entry: CpioEntry): EntrySink | undefined {
    if (entry.links > 1 && entry.size === 0) {
      const names = this.#links.get(entry.inode) ?? [];
      names.push({ ...common, kind: 'file' });
      this.#links.set(entry.inode, names);
    }
    const { path, size } = common;
    const isText =
      TEXTS.test(path) && size <= TEXT_LIMIT_BYTES && this.#textBytes + size <= TEXTS_LIMIT_BYTES;
    if (isText) this.#textBytes += size;
    const mayBeProgram = !isText && size <= ELF_LIMIT_BYTES && !NOT_PROGRAMS.test(path);
    const sink = new FileSink(path, size, isText ? 'text' : mayBeProgram ? 'program' : 'other');
    return {
      write: piece => sink.write(piece),
      close: () => {
        const file: ImageFile = { ...common, kind: 'file', ...sink.close() };
        const earlier = entry.size === 0 ? [] : (this.#links.get(entry.inode) ?? []);
        for (const name of earlier) this.#add({ ...file, path: name.path, mode: name.mode });
        this.#add(file);
      },
    };
  }
}

/** Hashes a file, and keeps what is looked at. */
class FileSink {
  readonly #path: string;
  readonly #size: number;
  readonly #hash: Hash = createHash('sha256');
  readonly #kind: 'text' | 'program' | 'other';
  readonly #head = Buffer.alloc(ELF_MAGIC.length);
  #kept: Buffer | undefined;
  #bytes = 0;

  constructor(path: string, size: number, kind: 'text' | 'program' | 'other') {
    this.#path = path;
    this.#size = size;
    this.#kind = kind;
    if (kind === 'text') this.#kept = Buffer.alloc(size);
  }

  write(piece: Uint8Array): void {
    this.#hash.update(piece);
    if (this.#kind === 'program' && this.#bytes < ELF_MAGIC.length) this.#look(piece);
    this.#kept?.set(piece, this.#bytes);
    this.#bytes += piece.length;
  }

  /** Of a program all is kept until its end, since its parts refer to each other; of other files nothing is. */
  #look(piece: Uint8Array): void {
    this.#head.set(piece.subarray(0, ELF_MAGIC.length - this.#bytes), this.#bytes);
    if (this.#bytes + piece.length < ELF_MAGIC.length || !this.#head.equals(ELF_MAGIC)) return;
    this.#kept = Buffer.allocUnsafe(this.#size);
    this.#kept.set(this.#head.subarray(0, this.#bytes));
  }

  close(): Pick<ImageFile, 'sha256' | 'content' | 'elf' | 'nodeVersion'> {
    const sha256 = this.#hash.digest('hex');
    const kept = this.#kept;
    if (kept === undefined) return { sha256 };
    if (this.#kind === 'text') return { sha256, content: kept };
    this.#kept = undefined;
    try {
      const elf = readElf(bytesOf(kept));
      const version = /(^|\/)node(js)?$/.test(this.#path) ? nodeVersionOf(kept) : undefined;
      return { sha256, elf, ...(version === undefined ? {} : { nodeVersion: version }) };
    } catch (error) {
      if (error instanceof MandosError) return { sha256 }; // no program then: who needs it says so
      throw error;
    }
  }
}
