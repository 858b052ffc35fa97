/** Numbers in [0, 1). */
export type Random = () => number;

export interface MutateOptions {
  readonly random: Random;
  readonly dictionary: readonly Uint8Array[];
  /** Another input, to take parts from. */
  readonly other: Buffer;
  readonly limitBytes: number;
}

/** Where programs go wrong: ends of ranges, and sizes. */
const NUMBERS = [
  0,
  1,
  2,
  7,
  8,
  16,
  32,
  63,
  64,
  127,
  128,
  192,
  255,
  256,
  1023,
  4096,
  32767,
  32768,
  65535,
  2 ** 31,
];
const DECIMALS = [
  '0',
  '-1',
  '1',
  '256',
  '65536',
  '2147483648',
  '4294967296',
  '9007199254740993',
  '1e999',
  '00',
  '',
];
/** Most inputs are one step from a good one; some go far. */
const MOST_STEPS = 8;

type Mutation = (input: Buffer, options: MutateOptions) => Buffer;

const below = (random: Random, limit: number) => Math.floor(random() * limit);

/** A place, and one behind it: near ones mostly. */
function stretch(length: number, random: Random): [number, number] {
  const start = below(random, length + 1);
  const size = random() < 0.7 ? 1 + below(random, 8) : below(random, length + 1);
  return [start, Math.min(length, start + size)];
}

/** What stands in place of a stretch of the input. */
const replace = (input: Buffer, [start, end]: readonly [number, number], by: Uint8Array) =>
  Buffer.concat([input.subarray(0, start), by, input.subarray(end)]);

const changeByte =
  (change: (byte: number, random: Random) => number): Mutation =>
  (input, { random }) => {
    const copy = Buffer.from(input);
    const at = below(random, copy.length);
    copy[at] = change(copy[at] ?? 0, random) & 0xff;
    return copy;
  };

const writeNumber: Mutation = (input, { random }) => {
  const bytes = [1, 2, 4][below(random, 3)] ?? 1;
  if (input.length < bytes) return input;
  const copy = Buffer.from(input);
  const at = below(random, copy.length - bytes + 1);
  const number = (NUMBERS[below(random, NUMBERS.length)] ?? 0) % 2 ** (8 * bytes);
  if (random() < 0.5) copy.writeUIntBE(number, at, bytes);
  else copy.writeUIntLE(number, at, bytes);
  return copy;
};

/** Replaces a number in digits. */
const writeDecimal: Mutation = (input, { random }) => {
  const places = [...input.toString('latin1').matchAll(/[0-9]+/g)];
  const place = places[below(random, places.length)];
  if (!place) return input;
  const digits = DECIMALS[below(random, DECIMALS.length)] ?? '';
  return replace(input, [place.index, place.index + place[0].length], Buffer.from(digits));
};

/** Takes out, doubles or moves a line. */
const changeLines: Mutation = (input, { random }) => {
  const lines = input.toString('latin1').split('\n');
  const [line = ''] = lines.splice(below(random, lines.length), 1);
  const choice = random();
  if (choice > 0.3) lines.splice(below(random, lines.length + 1), 0, line);
  if (choice > 0.6) lines.splice(below(random, lines.length + 1), 0, line);
  return Buffer.from(lines.join('\n'), 'latin1');
};

const MUTATIONS: readonly Mutation[] = [
  changeByte((byte, random) => byte ^ (1 << below(random, 8))),
  changeByte((_, random) => below(random, 256)),
  changeByte((byte, random) => byte + below(random, 17) - 8),
  writeNumber,
  writeNumber,
  writeDecimal,
  changeLines,
  (input, { random }) => replace(input, stretch(input.length, random), Buffer.alloc(0)),
  (input, { random }) => input.subarray(0, below(random, input.length + 1)),
  (input, { random }) => {
    const at = below(random, input.length + 1);
    return replace(
      input,
      [at, at],
      Buffer.from(Array.from({ length: 1 + below(random, 8) }, () => below(random, 256))),
    );
  },
  // A part once more, or in another's place.
  (input, { random }) => {
    const [start, end] = stretch(input.length, random);
    const at = below(random, input.length + 1);
    return replace(
      input,
      [at, random() < 0.5 ? at : Math.min(input.length, at + end - start)],
      input.subarray(start, end),
    );
  },
  // A part many times: what is repeated may be too much.
  (input, { random }) => {
    const [start, end] = stretch(input.length, random);
    const times = 2 ** (1 + below(random, 8));
    return replace(
      input,
      [start, start],
      Buffer.concat(Array.from({ length: times }, () => input.subarray(start, end))),
    );
  },
  (input, { random, other }) =>
    replace(input, stretch(input.length, random), other.subarray(...stretch(other.length, random))),
  (input, { random, other }) =>
    Buffer.concat([
      input.subarray(0, below(random, input.length + 1)),
      other.subarray(below(random, other.length + 1)),
    ]),
  ...Array.from({ length: 3 }, (): Mutation => (input, { random, dictionary }) => {
    const word = dictionary[below(random, dictionary.length)];
    const [start, end] = stretch(input.length, random);
    return word ? replace(input, [start, random() < 0.5 ? start : end], word) : input;
  }),
];

/** An input that differs from this one in some ways. */
export function mutate(input: Buffer, options: MutateOptions): Buffer {
  const { random, limitBytes } = options;
  let result = input;
  for (let left = 1 + below(random, 2 ** below(random, Math.log2(MOST_STEPS) + 1)); left > 0; left--) {
    const mutation = MUTATIONS[below(random, MUTATIONS.length)];
    if (mutation) result = mutation(result, options).subarray(0, limitBytes);
  }
  return Buffer.from(result);
}
