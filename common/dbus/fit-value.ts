import { BIGINT_RANGE, INT_RANGE } from './encode.js';
import { DbusFault } from './errors.js';
import { parseSignature, signatureOf } from './signature.js';

/** Types of whole numbers, which are taken for each other: mandos-ctl sends `i` for `t`. */
const INTEGERS = 'ynqiuxt';

/**
 * Makes a value one of the declared type.
 * @param what names the argument or property in the error
 * @throws DbusFault InvalidArgs when it is of another type, or a number that does not fit
 */
export function fitValue(what: string, signature: string, value: unknown, declared: string): unknown {
  if (signature === declared) return value;
  if (!isInteger(signature) || !isInteger(declared))
    throw new DbusFault('InvalidArgs', `${what} has the type "${signature}" instead of "${declared}"`);
  const [least, greatest] = INT_RANGE[declared] ?? BIGINT_RANGE[declared] ?? [];
  const number = value as number | bigint;
  if (least === undefined || greatest === undefined || number < least || number > greatest)
    throw new DbusFault('InvalidArgs', `${what} is not from ${least} to ${greatest}`);
  return declared in BIGINT_RANGE ? BigInt(number) : Number(number);
}

/**
 * As fitValue, for the arguments of a call.
 * @throws DbusFault InvalidArgs
 */
export function fitArguments(
  member: string,
  signature: string,
  values: readonly unknown[],
  declared: readonly string[],
): readonly unknown[] {
  const whole = declared.join('');
  if (signature === whole) return values;
  const types = parseSignature(signature);
  if (types.length !== declared.length)
    throw new DbusFault('InvalidArgs', `${member} takes "${whole}" and was called with "${signature}"`);
  return types.map((type, index) =>
    fitValue(
      `argument ${index + 1} of ${member}`,
      signatureOf(type),
      values[index],
      declared[index] as string,
    ),
  );
}

function isInteger(signature: string): boolean {
  return signature.length === 1 && INTEGERS.includes(signature);
}
