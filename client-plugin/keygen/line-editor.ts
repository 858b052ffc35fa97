import type { Readable } from 'node:stream';
import { MandosError } from '../../common/errors.js';

/** Bytes of a line; cryptsetup(8) takes 512 from a terminal by default. */
const LINE_LIMIT_BYTES = 4096;

const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = 0x08;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const CTRL_U = 0x15;
const CTRL_W = 0x17;
const ESCAPE = 0x1b;
const SPACE = 0x20;
const DELETE = 0x7f;

export interface Keys {
  /** Ctrl-C was typed, which raw mode makes a character instead of a signal. */
  readonly interrupt: () => void;
  /** A key was typed that is no character of a password. */
  readonly refuse: () => void;
}

/** Lines typed on a terminal in raw mode, as bytes: a password must never become a string, which cannot be zeroed. */
export class LineEditor {
  readonly #input: Readable;
  readonly #keys: Keys;
  readonly #line = Buffer.alloc(LINE_LIMIT_BYTES);
  #length = 0;
  /** Typed ahead. */
  #pending: Buffer = Buffer.alloc(0);

  constructor(input: Readable, keys: Keys) {
    this.#input = input;
    this.#keys = keys;
  }

  /**
   * One line without its end. Backspace, Ctrl-U and Ctrl-W work as on a terminal; of the other control characters only
   * a tab can be part of a line.
   * @throws MandosError PASSWORD_TOO_LONG; PASSWORD_ABORTED: Ctrl-D in an empty line, or the end of the input
   */
  async readLine(): Promise<Buffer> {
    for (;;) {
      while (this.#pending.length > 0) {
        if (this.#type(this.#next())) return this.#take();
      }
      this.#pending = await this.#more();
    }
  }

  /** The next byte typed ahead. */
  #next(): number {
    const byte = this.#pending[0] ?? 0;
    this.#pending[0] = 0;
    this.#pending = this.#pending.subarray(1);
    return byte;
  }

  /** @returns whether the line is complete */
  #type(byte: number): boolean {
    switch (byte) {
      case NEWLINE:
      case RETURN:
        return true;
      case CTRL_C:
        this.#keys.interrupt();
        return false;
      case CTRL_D:
        if (this.#length === 0) throw aborted();
        return true;
      case BACKSPACE:
      case DELETE:
        this.#eraseCharacter();
        return false;
      case CTRL_U:
        this.#length = 0;
        return false;
      case CTRL_W:
        this.#eraseWord();
        return false;
      case ESCAPE:
        this.#skipKeySequence();
        this.#keys.refuse();
        return false;
      default:
        if (byte < SPACE && byte !== TAB) {
          this.#keys.refuse();
          return false;
        }
        if (this.#length === LINE_LIMIT_BYTES) throw tooLong();
        this.#line[this.#length++] = byte;
        return false;
    }
  }

  #eraseCharacter(): void {
    // The bytes 10xxxxxx of UTF-8 continue a character.
    while (this.#length > 0 && ((this.#line[--this.#length] ?? 0) & 0xc0) === 0x80);
  }

  #eraseWord(): void {
    const isSpace = () => [SPACE, TAB].includes(this.#line[this.#length - 1] ?? 0);
    while (this.#length > 0 && isSpace()) this.#length--;
    while (this.#length > 0 && !isSpace()) this.#length--;
  }

  /** The rest of an arrow or function key (ECMA-48 section 5.4), which a terminal sends in one piece with its ESC. */
  #skipKeySequence(): void {
    const [introducer] = this.#pending;
    if (introducer !== 0x5b && introducer !== 0x4f) return;
    this.#next();
    while (this.#pending.length > 0) {
      const byte = this.#next();
      if (byte >= 0x40 && byte <= 0x7e) return;
    }
  }

  #take(): Buffer {
    const line = Buffer.from(this.#line.subarray(0, this.#length));
    this.#line.fill(0);
    this.#length = 0;
    return line;
  }

  #more(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        this.#input.pause();
        this.#input.off('data', data).off('end', end).off('error', end);
        outcome();
      };
      const data = (chunk: Buffer) => settle(() => resolve(chunk));
      const end = () => settle(() => reject(aborted()));
      this.#input.on('data', data).on('end', end).on('error', end).resume();
    });
  }
}

function aborted(): MandosError {
  return new MandosError('PASSWORD_ABORTED', 'no password was entered');
}

function tooLong(): MandosError {
  return new MandosError(
    'PASSWORD_TOO_LONG',
    `a typed password has at most ${LINE_LIMIT_BYTES} bytes: use --passfile=FILE for this one`,
  );
}
