import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildProgram } from '../bench/native.js';

const SOURCES = join(import.meta.dirname, '../../../test/attacks/tools');
const NAMES = ['flood', 'impostor', 'syn-flood'] as const;

/** Programs by name; `load` is the fleet of honest clients of the benchmarks. */
export type Tools = Readonly<Record<(typeof NAMES)[number] | 'load', string>>;

/** Builds the attackers, and the honest clients, in a directory. */
export async function buildTools(directory: string): Promise<Tools> {
  const built = NAMES.map(async name => {
    const program = join(directory, name);
    const source = join(SOURCES, `${name}.c`);
    await promisify(execFile)('gcc', ['-O2', '-o', program, source, '-lgnutls', '-lpthread']);
    return [name, program] as const;
  });
  const [programs, load] = await Promise.all([Promise.all(built), buildProgram('load', directory)]);
  return { ...(Object.fromEntries(programs) as Tools), load };
}
