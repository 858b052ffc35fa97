import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeError, MandosError } from '../../common/errors.js';

/** Names that backups and package managers leave, which the original leaves out too. */
const IGNORED_NAMES = [/^\./, /^#.*#$/, /~$/, /\.dpkg-(new|old|bak|divert)$/];

const ANY_EXECUTE_BIT = 0o111;

/** A plugin that can be started. */
export interface Plugin {
  readonly name: string;
  readonly file: string;
  /** It is a link to the running program. */
  readonly isOwn: boolean;
}

/**
 * The plugins of a directory, in the order of their names' bytes.
 * @param ownProgram path of the running program
 * @param ignored called with one line for each file that is left out
 * @throws MandosError PLUGIN_DIRECTORY, with the error of the system as its cause
 */
export function findPlugins(
  directory: string,
  ownProgram: string | undefined,
  ignored: (message: string) => void,
): Plugin[] {
  const own = ownProgram === undefined ? undefined : realPath(ownProgram);
  return listDirectory(directory).flatMap(name => {
    const file = join(directory, name);
    const why = whyIgnored(name, file);
    if (why === undefined) return [{ name, file, isOwn: own !== undefined && realPath(file) === own }];
    ignored(`${file} is no plugin: ${why}`);
    return [];
  });
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch (error) {
    const why = `cannot read the directory of plugins ${directory}: ${describeError(error)}`;
    throw new MandosError('PLUGIN_DIRECTORY', why, { cause: error });
  }
}

function whyIgnored(name: string, file: string): string | undefined {
  if (IGNORED_NAMES.some(pattern => pattern.test(name)))
    return 'its name is that of a backup or a hidden file';
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return 'it is not a file';
    return (stats.mode & ANY_EXECUTE_BIT) === 0 ? 'it is not executable' : undefined;
  } catch (error) {
    return describeError(error);
  }
}

function realPath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
