/** A moment, which becomes a datetime.datetime without a time zone, in UTC. */
export interface Moment {
  readonly kind: 'moment';
  /** Milliseconds since the Unix epoch. */
  readonly epochMs: number;
}

/** A length of time, which becomes a datetime.timedelta. */
export interface Span {
  readonly kind: 'span';
  readonly ms: number;
}

/** What can be written. Numbers are whole and of 32 bits; maps become dictionaries, arrays become lists. */
export type Picklable =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Moment
  | Span
  | readonly Picklable[]
  | ReadonlyMap<string, Picklable>;

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Writes a Python pickle of protocol 2, as the original's server does (pickletools, of Python's library, says what each
 * opcode means).
 * @returns a pair of values, as a tuple
 */
export function writePickledPair(first: Picklable, second: Picklable): Buffer {
  const writer = new PickleWriter();
  writer.opcode('\x80', Buffer.from([2]));
  writer.value(first);
  writer.value(second);
  writer.opcode('\x86');
  writer.opcode('.');
  return writer.bytes();
}

/** Nothing is remembered and used again: a thousand clients are a megabyte so, and half of it with Python's memo. */
class PickleWriter {
  readonly #parts: Buffer[] = [];

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  opcode(code: string, argument?: Uint8Array): void {
    this.#parts.push(Buffer.from(code, 'latin1'));
    if (argument) this.#parts.push(Buffer.from(argument));
  }

  value(value: Picklable): void {
    if (value === null) this.opcode('N');
    else if (typeof value === 'boolean') this.opcode(value ? '\x88' : '\x89');
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'string') this.#text(value);
    else if (value instanceof Uint8Array) this.#bytes(value);
    else if (value instanceof Map) this.#dictionary(value as ReadonlyMap<string, Picklable>);
    else if (Array.isArray(value)) this.#list(value as readonly Picklable[]);
    else if ('kind' in value && value.kind === 'moment') this.#moment(value);
    else if ('kind' in value && value.kind === 'span') this.#span(value);
  }

  #number(value: number): void {
    const argument = Buffer.alloc(4);
    argument.writeInt32LE(value);
    this.opcode('J', argument);
  }

  #text(value: string): void {
    const text = Buffer.from(value);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    this.opcode('X', length);
    this.#parts.push(text);
  }

  /** Protocol 2 has no bytes: they are text that is encoded when it is read. */
  #bytes(value: Uint8Array): void {
    this.opcode('c', Buffer.from('_codecs\nencode\n'));
    this.#text(Buffer.from(value).toString('latin1'));
    this.#text('latin1');
    this.opcode('\x86');
    this.opcode('R');
  }

  #dictionary(value: ReadonlyMap<string, Picklable>): void {
    this.opcode('}');
    this.opcode('(');
    for (const [key, item] of value) {
      this.#text(key);
      this.value(item);
    }
    this.opcode('u');
  }

  #list(value: readonly Picklable[]): void {
    this.opcode(']');
    this.opcode('(');
    for (const item of value) this.value(item);
    this.opcode('e');
  }

  /** The state of a datetime: year (2 bytes), month, day, hour, minute, second, microsecond (3), all big-endian. */
  #moment({ epochMs }: Moment): void {
    const date = new Date(epochMs);
    const state = Buffer.alloc(10);
    state.writeUInt16BE(date.getUTCFullYear());
    state.writeUInt8(date.getUTCMonth() + 1, 2);
    state.writeUInt8(date.getUTCDate(), 3);
    state.writeUInt8(date.getUTCHours(), 4);
    state.writeUInt8(date.getUTCMinutes(), 5);
    state.writeUInt8(date.getUTCSeconds(), 6);
    state.writeUIntBE(date.getUTCMilliseconds() * 1000, 7, 3);
    this.opcode('c', Buffer.from('datetime\ndatetime\n'));
    this.#bytes(state);
    this.opcode('\x85');
    this.opcode('R');
  }

  #span({ ms }: Span): void {
    const whole = Math.round(ms);
    this.opcode('c', Buffer.from('datetime\ntimedelta\n'));
    this.#number(Math.floor(whole / DAY_MS));
    this.#number(Math.floor((whole % DAY_MS) / 1000));
    this.#number((whole % 1000) * 1000);
    this.opcode('\x87');
    this.opcode('R');
  }
}
