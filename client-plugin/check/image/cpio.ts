import { MandosError } from '../../../common/errors.js';
import { IMAGE_FAULT } from './fault.js';

/** The header of an entry, as the kernel's documentation of the initramfs buffer format has it. */
export interface CpioEntry {
  /** As in the archive; anything may stand there. */
  readonly name: string;
  /** File type and permissions, as st_mode of inode(7). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  /** Bytes of its content; links of one file carry it with the last one only. */
  readonly size: number;
  /** Device and number of the file that this is a name of, in this archive. */
  readonly inode: string;
}

/** Takes an entry's content in pieces, which are valid during the call only. */
export interface EntrySink {
  write(piece: Uint8Array): void;
  close(): void;
}

/** @returns what takes the content; undefined: nobody needs it */
export type OnEntry = (entry: CpioEntry) => EntrySink | undefined;

const HEADER_BYTES = 110;
/** Longest name with its NUL that Linux takes: PATH_MAX. */
const NAME_LIMIT_BYTES = 4096;
const TRAILER = 'TRAILER!!!';
const ASCII_ZERO = 0x30;

/**
 * Reads archives of the cpio formats "newc" and "crc", one behind the other with zeros between them, as they come. What
 * no sink is for passes through and takes no memory.
 */
export class CpioReader {
  readonly #onEntry: OnEntry;
  readonly #where: string;
  /** What comes next; `between` archives are zeros or the next one's header. */
  #state: 'between' | 'header' | 'name' | 'content' | 'padding' = 'between';
  /** Bytes of the state that are still to come. */
  #missing = 0;
  readonly #collected = Buffer.alloc(NAME_LIMIT_BYTES);
  #collectedBytes = 0;
  #entry: CpioEntry | undefined;
  #nameBytes = 0;
  #sink: EntrySink | undefined;
  /** The state that follows padding. */
  #afterPadding: 'header' | 'content' = 'header';
  #offset = 0;
  #archives = 0;

  /** @param where what the bytes are those of, for messages */
  constructor(onEntry: OnEntry, where: string) {
    this.#onEntry = onEntry;
    this.#where = where;
  }

  /** Archives that have begun. */
  get archives(): number {
    return this.#archives;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * Reads on.
   * @returns how many bytes were read: fewer than there are when something else begins behind an archive
   * @throws MandosError IMAGE: not an archive, or a damaged one
   */
  write(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length) {
      const from = at;
      switch (this.#state) {
        case 'between':
          while (at < chunk.length && chunk[at] === 0) at++;
          if (at < chunk.length) {
            if (chunk[at] !== ASCII_ZERO) {
              this.#offset += at - from;
              return at;
            }
            this.#archives++;
            this.#expect('header', HEADER_BYTES);
          }
          break;
        case 'header':
        case 'name':
          at = this.#collect(chunk, at);
          break;
        case 'content':
          at = Math.min(chunk.length, at + this.#missing);
          this.#sink?.write(chunk.subarray(from, at));
          this.#missing -= at - from;
          if (this.#missing === 0) this.#contentEnded();
          break;
        case 'padding':
          at = Math.min(chunk.length, at + this.#missing);
          this.#missing -= at - from;
          if (this.#missing === 0) this.#paddingEnded();
          break;
      }
      this.#offset += at - from;
    }
    return at;
  }

  /** @throws MandosError IMAGE: in the middle of an archive */
  end(): void {
    if (this.#state === 'between') return;
    const within =
      this.#entry === undefined || this.#state === 'header' ? '' : ` within "${this.#entry.name}"`;
    throw this.#fault(`is cut off${within}`);
  }

  #expect(state: 'header' | 'name', bytes: number): void {
    this.#state = state;
    this.#missing = bytes;
    this.#collectedBytes = 0;
  }

  #collect(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#missing);
    this.#collected.set(chunk.subarray(at, end), this.#collectedBytes);
    this.#collectedBytes += end - at;
    this.#missing -= end - at;
    if (this.#missing > 0) return end;
    if (this.#state === 'header') this.#headerEnded();
    else this.#nameEnded();
    return end;
  }

  #headerEnded(): void {
    const text = this.#collected.toString('latin1', 0, HEADER_BYTES);
    if (!/^07070[12][0-9A-Fa-f]{104}$/.test(text)) throw this.#fault('is damaged: no cpio header is here');
    const field = (n: number) => Number.parseInt(text.slice(6 + 8 * n, 14 + 8 * n), 16);
    this.#nameBytes = field(11);
    if (this.#nameBytes < 2 || this.#nameBytes > NAME_LIMIT_BYTES)
      throw this.#fault(`is damaged: a file name of ${this.#nameBytes} bytes is announced here`);
    this.#entry = {
      name: '',
      mode: field(1),
      uid: field(2),
      gid: field(3),
      links: field(4),
      size: field(6),
      inode: `${field(7)}:${field(8)}:${field(0)}`,
    };
    this.#expect('name', this.#nameBytes);
  }

  #nameEnded(): void {
    const bytes = this.#collected.subarray(0, this.#nameBytes);
    if (bytes.indexOf(0) !== this.#nameBytes - 1)
      throw this.#fault('is damaged: a file name does not end where it should');
    const entry = { ...(this.#entry as CpioEntry), name: bytes.toString('utf8', 0, this.#nameBytes - 1) };
    this.#entry = entry;
    const isEnd = entry.name === TRAILER;
    this.#sink = isEnd ? undefined : this.#onEntry(entry);
    this.#pad(HEADER_BYTES + this.#nameBytes, 'content');
  }

  /** Header with name, and content, each end at a multiple of four. */
  #pad(bytes: number, next: 'header' | 'content'): void {
    this.#afterPadding = next;
    this.#missing = -bytes & 3;
    this.#state = 'padding';
    if (this.#missing === 0) this.#paddingEnded();
  }

  #paddingEnded(): void {
    if (this.#afterPadding === 'header') {
      const isEnd = this.#entry?.name === TRAILER;
      this.#entry = undefined;
      if (isEnd) this.#state = 'between';
      else this.#expect('header', HEADER_BYTES);
      return;
    }
    this.#state = 'content';
    this.#missing = this.#entry?.size ?? 0;
    if (this.#missing === 0) this.#contentEnded();
  }

  #contentEnded(): void {
    this.#sink?.close();
    this.#sink = undefined;
    this.#pad(this.#entry?.size ?? 0, 'header');
  }

  #fault(what: string): MandosError {
    return new MandosError(IMAGE_FAULT, `${what} (at byte ${this.#offset} of ${this.#where})`);
  }
}
