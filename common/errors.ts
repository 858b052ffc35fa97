import { getSystemErrorMap } from 'node:util';

/**
 * A fault that a person can do something about. `code` is stable; `message` says what failed, for
 * whom and what to do next, on one line and without anything secret.
 */
export class MandosError extends Error {
  override readonly name: string = 'MandosError';

  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * What to show a person of anything thrown: one line, never a stack trace. An error of the system is said in its own
 * words ("no such file or directory"), without Node's additions: whoever reports it names the thing.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno } = error as NodeJS.ErrnoException;
  const [, words] = (errno !== undefined && getSystemErrorMap().get(errno)) || [];
  return words ?? (error.message || error.name);
}
