import { MandosError } from '../../../common/errors.js';

/**
 * Lets a program say of an input that it is bad.
 * @param codes how the MandosError that it throws for that begins
 * @throws what else it throws, and a message that is not one line
 */
export function expectFault(error: unknown, ...codes: readonly string[]): void {
  if (!(error instanceof MandosError) || !codes.some(code => error.code.startsWith(code))) throw error;
  if (/\n/.test(error.message))
    throw new Error(`a message of several lines: ${error.message}`, { cause: error });
}

/** @throws Error */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}
