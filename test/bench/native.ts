import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requires } from '../support/requires.js';

const SOURCES = join(import.meta.dirname, '../../../test/bench');

/** What the C programs of this folder are built with; without it there is no limit-server, and load.ts for load.c. */
export const CAN_BUILD = Object.keys(requires('gcc', 'gnutls-dev')).length === 0;

/**
 * Builds a C program of this folder.
 * @param directory to build it in
 * @returns the program
 */
export async function buildProgram(name: 'load' | 'limit-server', directory: string): Promise<string> {
  const program = join(directory, name);
  const source = join(SOURCES, `${name}.c`);
  await promisify(execFile)('gcc', ['-O2', '-o', program, source, '-lgnutls', '-lpthread']);
  return program;
}
