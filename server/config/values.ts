import { quote } from '../../common/config-fault.js';

/** A value of a configuration, or what is wrong with its text. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

/**
 * What is wrong with a value, and that a comment may be what is wrong with it. Not for values that may well have these
 * characters.
 */
export function withCommentHint(problem: string, text: string): string {
  return /\s[#;]/.test(text) ? `${problem} (comments stand on lines of their own)` : problem;
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['yes', true],
  ['true', true],
  ['on', true],
  ['0', false],
  ['no', false],
  ['false', false],
  ['off', false],
]);

/** A boolean of mandos.conf(5), upper or lower case. */
export function parseBoolean(text: string): Parsed<boolean> {
  const value = BOOLEANS.get(text.toLowerCase());
  if (value !== undefined) return { value };
  return {
    problem: `${quote(text)} is neither true nor false (allowed: ${[...BOOLEANS.keys()].join(', ')})`,
  };
}

/**
 * A whole number between two bounds.
 * @param what it is, for the problem
 * @param note on what is allowed
 */
export function parseNumber(
  text: string,
  least: number,
  most: number,
  what: string,
  note = '',
): Parsed<number> {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return { value };
  return { problem: `${quote(text)} is not ${what} (allowed: ${least} to ${most}${note})` };
}
