import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCES = fileURLToPath(new URL('../../../test/fuzz', import.meta.url));
/** Real examples of every input: a folder for each target. */
export const CORPUS = join(SOURCES, 'corpus');

/** Those in a directory, which need not be there, by their names. */
export function readInputs(directory: string): Buffer[] {
  const names = orNothing(() => readdirSync(directory)) ?? [];
  return names.toSorted().map(name => readFileSync(join(directory, name)));
}

/** The words of a target's dictionary: one to a line in quotes, with `\xNN` for what is no letter, as AFL has them. */
export function readDictionary(target: string): Buffer[] {
  const text = orNothing(() => readFileSync(join(SOURCES, 'dictionaries', `${target}.dict`), 'latin1')) ?? '';
  return [...text.matchAll(/^"(.+)"$/gm)].map(([, word = '']) =>
    Buffer.from(
      word.replace(/\\x([0-9a-f]{2})/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 16)),
      ),
      'latin1',
    ),
  );
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
