import { PickleBytes, pickleFault } from './pickle-bytes.js';
import type { PickledDuration, PickledTime, PickleGlobal } from './pickle-globals.js';
import { allowedGlobal } from './pickle-globals.js';

/**
 * What a pickle can hold here. Lists and tuples are arrays, dictionaries are maps, so that no key of a file can be
 * taken for a property of an object.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | PickledTime
  | PickledDuration
  | PickleGlobal
  | PickleValue[]
  | Map<PickleValue, PickleValue>;

/**
 * Steps of a pickle, and with them its values and what it remembers: ten thousand clients have 2.6 million, and the
 * original takes a quarter of an hour to write them.
 */
export const PICKLE_STEPS_LIMIT = 4_000_000;

/** Collections that are begun within others; the original's are four. */
export const PICKLE_DEPTH_LIMIT = 64;

/**
 * Reads a Python pickle as data (pickletools, of Python's library, says what each opcode means). Nothing that it names
 * is called: few globals become plain values, and any other is a fault. Of protocols 0 to 5 it knows what Python writes
 * for the original's state, which has no object of a class in it, no set and no number with a fraction.
 * @throws MandosError IMPORT_PICKLE: not a pickle, damaged, too large, or with something else in it; its message says
 *   the rest of "the file …"
 */
export function readPickle(bytes: Uint8Array): PickleValue {
  const machine = new Machine(bytes);
  for (let steps = 0; steps < PICKLE_STEPS_LIMIT; steps++) {
    const at = machine.input.position;
    const code = machine.input.byte();
    if (code === STOP) return machine.pop();
    const step = STEPS.get(code);
    if (!step) {
      throw pickleFault(`has something at byte ${at} that is not known (opcode 0x${code.toString(16)})`);
    }
    step(machine);
  }
  throw pickleFault(`has more than ${PICKLE_STEPS_LIMIT} steps`);
}

class Machine {
  readonly input: PickleBytes;
  readonly #stack: PickleValue[] = [];
  /** Where in the stack each collection has begun. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  /** Characters that may still be made bytes: repeated, a long text could fill the memory. */
  #bytesLeft: number;

  constructor(bytes: Uint8Array) {
    this.input = new PickleBytes(bytes);
    this.#bytesLeft = bytes.length;
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pop(): PickleValue {
    const value = this.top();
    this.#stack.pop();
    return value;
  }

  top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || this.#stack.length === (this.#marks.at(-1) ?? 0)) {
      throw pickleFault('uses a value that it does not have');
    }
    return value;
  }

  popSome(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).toReversed();
  }

  mark(): void {
    if (this.#marks.length >= PICKLE_DEPTH_LIMIT) throw pickleFault('is nested too deeply');
    this.#marks.push(this.#stack.length);
  }

  popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw pickleFault('ends a collection that has not begun');
    return this.#stack.splice(mark);
  }

  remember(index: number = this.#memo.size): void {
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw pickleFault('uses a value that it has not remembered');
    this.push(value);
  }

  pushGlobal(module: PickleValue, name: PickleValue): void {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw pickleFault('names something by no text');
    this.push(allowedGlobal(module, name));
  }

  /** What calling a global would be. */
  make(): void {
    const [callee, args] = this.popSome(2);
    if (!isGlobal(callee) || !Array.isArray(args)) throw pickleFault('makes a value of something unknown');
    const [text] = args;
    if (typeof text === 'string') this.#bytesLeft -= text.length;
    if (this.#bytesLeft < 0) throw pickleFault('makes more of its text than it has');
    this.push(callee.make(args));
  }

  append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw pickleFault('adds to a list that is none');
    for (const item of items) list.push(item);
  }

  setItems(items: readonly PickleValue[]): void {
    const map = this.top();
    if (!(map instanceof Map)) throw pickleFault('adds to a dictionary that is none');
    fill(map, items);
  }
}

function fill(
  map: Map<PickleValue, PickleValue>,
  items: readonly PickleValue[],
): Map<PickleValue, PickleValue> {
  if (items.length % 2 !== 0) throw pickleFault('has a key without a value');
  for (let i = 0; i < items.length; i += 2) map.set(items[i] ?? null, items[i + 1] ?? null);
  return map;
}

function isGlobal(value: PickleValue | undefined): value is PickleGlobal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'global';
}

/** `I`: a number, or 00 and 01 for what protocols 0 and 1 have no other opcode for. */
function readInt(input: PickleBytes): number | boolean {
  const start = input.position;
  const value = input.decimalLine();
  const isBoolean = input.position - start === '00\n'.length && (value === 0 || value === 1);
  return isBoolean ? value === 1 : value;
}

/** `V`: Python's raw-unicode-escape. */
function readEscaped(line: string): string {
  return line.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) => {
    const point = Number.parseInt(short ?? long ?? '', 16);
    if (point > 0x10ffff) throw pickleFault('has text that is not Unicode');
    return String.fromCodePoint(point);
  });
}

function readProtocol(input: PickleBytes): void {
  const protocol = input.byte();
  if (protocol > 5) throw pickleFault(`is a pickle of protocol ${protocol} (known: 0 to 5)`);
}

const STOP = '.'.charCodeAt(0);

/** By opcode, as a character of Latin-1. */
const STEPS: ReadonlyMap<number, (machine: Machine) => void> = new Map(
  Object.entries<(machine: Machine) => void>({
    '\x80': m => readProtocol(m.input),
    '\x95': m => void m.input.take(8), // FRAME: how much could be read at once
    '(': m => m.mark(),
    N: m => m.push(null),
    '\x88': m => m.push(true),
    '\x89': m => m.push(false),
    I: m => m.push(readInt(m.input)),
    J: m => m.push(m.input.signed(4)),
    K: m => m.push(m.input.unsigned(1)),
    M: m => m.push(m.input.unsigned(2)),
    '\x8a': m => m.push(m.input.signed(m.input.byte())),
    V: m => m.push(readEscaped(m.input.line())),
    X: m => m.push(m.input.text(m.input.unsigned(4))),
    '\x8c': m => m.push(m.input.text(m.input.byte())),
    B: m => m.push(m.input.take(m.input.unsigned(4))),
    C: m => m.push(m.input.take(m.input.byte())),
    ']': m => m.push([]),
    l: m => m.push(m.popToMark()),
    a: m => m.append(m.popSome(1)),
    e: m => m.append(m.popToMark()),
    ')': m => m.push([]),
    t: m => m.push(m.popToMark()),
    '\x85': m => m.push(m.popSome(1)),
    '\x86': m => m.push(m.popSome(2)),
    '\x87': m => m.push(m.popSome(3)),
    '}': m => m.push(new Map()),
    d: m => m.push(fill(new Map(), m.popToMark())),
    s: m => m.setItems(m.popSome(2)),
    u: m => m.setItems(m.popToMark()),
    p: m => m.remember(m.input.decimalLine()),
    q: m => m.remember(m.input.unsigned(1)),
    r: m => m.remember(m.input.unsigned(4)),
    '\x94': m => m.remember(),
    g: m => m.recall(m.input.decimalLine()),
    h: m => m.recall(m.input.unsigned(1)),
    j: m => m.recall(m.input.unsigned(4)),
    c: m => m.pushGlobal(m.input.line(), m.input.line()),
    '\x93': m => {
      const [module = null, name = null] = m.popSome(2);
      m.pushGlobal(module, name);
    },
    R: m => m.make(),
    '\x81': m => m.make(),
  }).map(([character, step]) => [character.charCodeAt(0), step]),
);
