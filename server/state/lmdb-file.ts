import { fstatSync, readSync } from 'node:fs';

/** What is wrong with a database file. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError';
}

export interface Entry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/*
 * LMDB's file, data version 2, as the package lmdb writes it on 64-bit machines, which are little-endian here. Pages have
 * a header of 24 bytes: number (8 bytes), transaction (8), pad (2), flags (2), then where the free space begins and ends
 * (2 each, counted from the header's end), or the number of pages of an overflow (4). The two first pages are meta pages,
 * of which the one of the later transaction holds.
 */
const HEADER_BYTES = 24;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
const META_BYTES = 168;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** A node's value stands on overflow pages. */
const BIG_DATA = 0x01;
const NODE_HEADER_BYTES = 8;
/** Levels of a tree; with two children to a page, that is more pages than a file can have. */
const DEPTH_LIMIT = 32;

interface Meta {
  readonly pageBytes: number;
  readonly transaction: number;
  readonly lastPage: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined for an empty tree. */
  readonly root: number | undefined;
}

/**
 * All entries of a database, by key, read with read(2) and checked on the way: LMDB itself trusts its file, which it maps
 * into memory, so that a damaged one can end the process or hang it. What is not in the tree, such as free pages, is not
 * read. To be used on a file that nobody writes.
 * @throws DamagedFileError; errors of read(2)
 */
export function* readEntries(fd: number): Generator<Entry> {
  const meta = currentMeta(fd);
  const tree = new Tree(fd, meta);
  if (meta.root !== undefined) yield* tree.walk(meta.root, 1, undefined, undefined);
  tree.checkCounts();
}

function currentMeta(fd: number): Meta {
  const first = readMeta(fd, 0, 0);
  const second = readMeta(fd, 1, first.pageBytes);
  check(first.pageBytes === second.pageBytes, 'the meta pages disagree');
  // Transactions write the meta pages in turn; in a new database there has been none.
  const [even, odd] = [first.transaction, second.transaction];
  const isNew = even === 0 && odd === 0;
  check(isNew || (even % 2 === 0 && odd % 2 === 1 && Math.abs(even - odd) === 1), 'the meta pages disagree');
  return odd > even ? second : first;
}

function readMeta(fd: number, number: number, position: number): Meta {
  const page = readExactly(fd, META_BYTES, position);
  const u64 = (offset: number) => readU64(page, offset);
  const isMeta = u64(0) === number && page.readUInt16LE(18) === META && page.readUInt32LE(24) === MAGIC;
  check(isMeta && page.readUInt32LE(28) === DATA_VERSION, `page ${number} is not a meta page`);
  const pageBytes = page.readUInt32LE(48);
  const isPower = (pageBytes & (pageBytes - 1)) === 0;
  check(pageBytes >= 512 && pageBytes <= 65536 && isPower, 'the page size is wrong');
  // Behind the size of the map: the tree of free pages (48 bytes), and ours.
  const tree = 96;
  check(page.readUInt16LE(tree + 4) === 0, 'the database is of another kind');
  const isEmpty = page.readBigUInt64LE(tree + 40) === 0xffffffffffffffffn;
  return {
    pageBytes,
    depth: page.readUInt16LE(tree + 6),
    branchPages: u64(tree + 8),
    leafPages: u64(tree + 16),
    overflowPages: u64(tree + 24),
    entries: u64(tree + 32),
    root: isEmpty ? undefined : u64(tree + 40),
    lastPage: u64(144),
    transaction: u64(152),
  };
}

class Tree {
  readonly #fd: number;
  readonly #meta: Meta;
  readonly #bytes: number;
  readonly #seen = new Set<number>();
  #branchPages = 0;
  #leafPages = 0;
  #overflowPages = 0;
  #entries = 0;

  constructor(fd: number, meta: Meta) {
    this.#fd = fd;
    this.#bytes = fstatSync(fd).size;
    this.#meta = meta;
    check(meta.depth <= DEPTH_LIMIT, 'the tree is too deep');
  }

  /**
   * @param low the least key that may stand here; undefined for any
   * @param high the least that may not
   */
  *walk(number: number, depth: number, low: Buffer | undefined, high: Buffer | undefined): Generator<Entry> {
    const isLeaf = depth === this.#meta.depth;
    const page = this.#read(number, isLeaf ? LEAF : BRANCH);
    const nodes = nodesOf(page, number);
    checkKeys(nodes, isLeaf, number, low, high);
    if (isLeaf) {
      this.#leafPages++;
      for (const node of nodes) {
        this.#entries++;
        yield { key: node.key, value: this.#value(page, node, number) };
      }
      return;
    }
    check(depth < this.#meta.depth, `page ${number} lies too deep`);
    this.#branchPages++;
    for (const [i, node] of nodes.entries()) {
      const child = node.low + node.flags * 2 ** 32;
      yield* this.walk(child, depth + 1, i === 0 ? low : node.key, nodes[i + 1]?.key ?? high);
    }
  }

  checkCounts(): void {
    const { branchPages, leafPages, overflowPages, entries } = this.#meta;
    const isComplete =
      branchPages === this.#branchPages &&
      leafPages === this.#leafPages &&
      overflowPages === this.#overflowPages &&
      entries === this.#entries;
    check(isComplete, `${this.#entries} records are there, of ${entries}`);
  }

  #value(page: Buffer, node: Node, number: number): Buffer {
    check(node.flags === 0 || node.flags === BIG_DATA, `page ${number} has a record of an unknown kind`);
    if (node.flags === 0) {
      check(node.data + node.low <= page.length, `page ${number} has a record that is too long`);
      return page.subarray(node.data, node.data + node.low);
    }
    check(node.data + HEADER_BYTES <= page.length, `page ${number} has a record that is too long`);
    const first = readU64(page, node.data);
    const pages = readU64(page, node.data + 16);
    // Of a longer value that stood there before, there may be more pages.
    const isLongEnough = pages * this.#meta.pageBytes >= HEADER_BYTES + node.low;
    check(isLongEnough, `page ${first} has a wrong length`);
    const overflow = this.#read(first, OVERFLOW, pages);
    check(overflow.readUInt32LE(20) === pages, `page ${first} has a wrong length`);
    this.#overflowPages += pages;
    return overflow.subarray(HEADER_BYTES, HEADER_BYTES + node.low);
  }

  #read(number: number, kind: number, pages = 1): Buffer {
    const { pageBytes, lastPage, transaction } = this.#meta;
    check(number >= 2 && number + pages - 1 <= lastPage, `page ${number} cannot be`);
    check((number + pages) * pageBytes <= this.#bytes, 'it is too short');
    for (let i = number; i < number + pages; i++) {
      check(!this.#seen.has(i), `page ${i} is used twice`);
      this.#seen.add(i);
    }
    const page = readExactly(this.#fd, pages * pageBytes, number * pageBytes);
    const isRight =
      readU64(page, 0) === number && page.readUInt16LE(18) === kind && readU64(page, 8) <= transaction;
    check(isRight, `page ${number} is another one`);
    return page;
  }
}

/** A node of a branch or a leaf. */
interface Node {
  readonly key: Buffer;
  /** The value's size in a leaf; of a child's page number the lower 32 bits. */
  readonly low: number;
  /** In a leaf; of a child's page number the higher 16 bits. */
  readonly flags: number;
  /** Where the value begins. */
  readonly data: number;
}

function nodesOf(page: Buffer, number: number): Node[] {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const room = page.length - HEADER_BYTES;
  check(lower % 2 === 0 && lower > 0 && lower <= upper && upper <= room, `page ${number} has a wrong size`);
  const nodes: Node[] = [];
  for (let i = 0; i < lower; i += 2) {
    const offset = page.readUInt16LE(HEADER_BYTES + i);
    const isInside = offset >= upper && offset + NODE_HEADER_BYTES <= room;
    check(isInside, `page ${number} has a record outside of it`);
    const at = HEADER_BYTES + offset;
    const data = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
    check(data <= page.length, `page ${number} has a key that is too long`);
    nodes.push({
      key: page.subarray(at + NODE_HEADER_BYTES, data),
      low: page.readUInt32LE(at),
      flags: page.readUInt16LE(at + 4),
      data,
    });
  }
  return nodes;
}

/** Keys stand in order, and between those of the pages beside. A branch's first node has none that counts. */
function checkKeys(
  nodes: readonly Node[],
  isLeaf: boolean,
  number: number,
  low: Buffer | undefined,
  high: Buffer | undefined,
): void {
  let least = low;
  for (const [i, { key }] of nodes.entries()) {
    if (i === 0 && !isLeaf) continue;
    const isFirst = least === low;
    const order = least ? Buffer.compare(least, key) : -1;
    check(order < 0 || (isFirst && order === 0), `page ${number} has its keys in disorder`);
    least = key;
  }
  check(!least || !high || least.compare(high) < 0, `page ${number} has its keys in disorder`);
}

function readExactly(fd: number, bytes: number, position: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  while (filled < bytes) {
    const count = readSync(fd, buffer, filled, bytes - filled, position + filled);
    check(count > 0, 'it is too short');
    filled += count;
  }
  return buffer;
}

/** Numbers here are far below 2⁵³; a greater one is found out as one that cannot be. */
function readU64(buffer: Buffer, offset: number): number {
  return buffer.readUInt32LE(offset) + buffer.readUInt32LE(offset + 4) * 2 ** 32;
}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new DamagedFileError(what);
}
