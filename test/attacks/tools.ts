import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const SOURCES = join(import.meta.dirname, '../../../test/attacks/tools');
const NAMES = ['flood', 'impostor', 'syn-flood', 'honest'] as const;

/** Programs by name. */
export type Tools = Readonly<Record<(typeof NAMES)[number], string>>;

/** Builds the attackers, and the honest clients, in a directory. */
export async function buildTools(directory: string): Promise<Tools> {
  const built = NAMES.map(async name => {
    const program = join(directory, name);
    const source = join(SOURCES, `${name}.c`);
    await promisify(execFile)('gcc', ['-O2', '-o', program, source, '-lgnutls', '-lpthread']);
    return [name, program] as const;
  });
  return Object.fromEntries(await Promise.all(built)) as Tools;
}
