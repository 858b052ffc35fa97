import { pick } from '../../support/random.js';

const BASIC = ['y', 'b', 'n', 'q', 'i', 'u', 'x', 't', 'd', 's', 'o', 'g', 'h'] as const;
const TEXTS = [
  '',
  'a',
  'ö€😀',
  'line\nbreak',
  'x'.repeat(63),
  'y'.repeat(64),
  'z'.repeat(65),
  'é'.repeat(40),
] as const;

/** One complete type. */
export function randomType(random: () => number, depth = 0): string {
  const choice = depth > 4 ? 0 : random();
  const inner = () => randomType(random, depth + 1);
  if (choice < 0.55) return pick(random, BASIC);
  if (choice < 0.7) return `a${inner()}`;
  if (choice < 0.8) return `a{${pick(random, BASIC)}${inner()}}`;
  if (choice < 0.9) return `(${Array.from({ length: 1 + random() * 3 }, inner).join('')})`;
  return 'v';
}

/** A value of a type, as it is decoded. @param children the types within it, from parseSignature */
export function randomValue(
  random: () => number,
  type: { readonly code: string; readonly children: readonly unknown[] },
  parse: (signature: string) => { readonly code: string; readonly children: readonly unknown[] },
): unknown {
  const whole = (least: number, greatest: number) =>
    pick(random, [least, greatest, Math.floor(least + random() * (greatest - least))]);
  const big = (least: bigint, greatest: bigint) => pick(random, [least, greatest, BigInt(whole(0, 2 ** 52))]);
  const child = (index: number) => type.children[index] as Parameters<typeof randomValue>[1];
  const value = (of: Parameters<typeof randomValue>[1]) => randomValue(random, of, parse);
  switch (type.code) {
    case 'y':
      return whole(0, 255);
    case 'b':
      return random() < 0.5;
    case 'n':
      return whole(-0x8000, 0x7fff);
    case 'q':
      return whole(0, 0xffff);
    case 'i':
      return whole(-0x80000000, 0x7fffffff);
    case 'u':
    case 'h':
      return whole(0, 0xffffffff);
    case 'x':
      return big(-(2n ** 63n), 2n ** 63n - 1n);
    case 't':
      return big(0n, 2n ** 64n - 1n);
    case 'd':
      return pick(random, [0, -0.5, 1e300, Infinity, random()]);
    case 's':
      return pick(random, TEXTS) + String(Math.floor(random() * 10));
    case 'o':
      return pick(random, ['/', '/a', '/a/b_1/C']);
    case 'g':
      return pick(random, ['', 's', 'a{sv}', '(ii)']);
    case 'v': {
      const signature = randomType(random, 3);
      return { signature, value: value(parse(signature)) };
    }
    case 'a': {
      const length = Math.floor(random() * 5);
      if (child(0).code === 'y') return Buffer.from(Array.from({ length }, () => random() * 256));
      const elements = Array.from({ length }, () => value(child(0)));
      return child(0).code === '{' ? new Map(elements as [unknown, unknown][]) : elements;
    }
    default:
      return type.children.map((_, index) => value(child(index)));
  }
}
