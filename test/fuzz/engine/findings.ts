import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a target was found to do. */
export interface Finding {
  readonly target: string;
  readonly what: string;
  /** The input, in hexadecimal. */
  readonly file: string;
}

/**
 * Keeps the input of a finding, and beside it what was found: a long run goes on before it tells.
 * @param directory is made
 */
export function keepFinding(directory: string, target: string, what: string, input: Uint8Array): Finding {
  mkdirSync(directory, { recursive: true });
  const name = createHash('sha256').update(input).digest('hex').slice(0, 12);
  const file = join(directory, `${target}-${name}.hex`);
  writeFileSync(file, `${Buffer.from(input).toString('hex')}\n`);
  writeFileSync(file.replace(/hex$/, 'txt'), `${what}\n`);
  return { target, what, file };
}

/** What distinguishes one fault from another: its kind, and the first places of ours that it came from. */
export function signatureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const places = [...(error.stack ?? '').matchAll(/\/([\w.-]+\.[cm]?js):(\d+)/g)].slice(0, 3);
  return [error.name, ...places.map(([, file, line]) => `${file}:${line}`)].join(' ');
}
