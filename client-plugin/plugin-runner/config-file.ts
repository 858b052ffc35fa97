import { readOptions, UsageError } from '../../common/cli.js';
import { PROGRAM } from './options.js';

/** An option of the configuration file, with the word that it begins with. */
export interface ConfigOption {
  readonly name: string;
  readonly value: string;
  readonly place: Word;
}

export interface Word {
  readonly text: string;
  /** From 1 on. */
  readonly line: number;
}

/** Options that a file cannot have, and why. */
const NOT_IN_FILE = new Map([
  ['config-file', 'this file cannot name another'],
  ['help', 'it is for the command line'],
  ['usage', 'it is for the command line'],
  ['version', 'it is for the command line'],
]);

/**
 * Reads the options of plugin-runner.conf: words between white space, without comments (plugin-runner(8mandos), FILES).
 * @param fault called with a word that cannot be understood and why; the rest is read nevertheless, so that a damaged
 * file does not keep a machine from booting
 */
export function readConfig(text: string, fault: (place: Word, why: string) => void): ConfigOption[] {
  const words = text
    .split('\n')
    .flatMap((line, i) => splitWords(line).map((word): Word => ({ text: word, line: i + 1 })));
  const options: ConfigOption[] = [];
  for (let i = 0; i < words.length; i++) {
    const place = words[i] as Word;
    const next = words[i + 1]?.text;
    // An option may have the next word as its argument; only one alone says whether it has to.
    const read = tryWords([place.text]);
    const more = read instanceof UsageError && next !== undefined ? tryWords([place.text, next]) : read;
    if (read instanceof UsageError && more instanceof UsageError) {
      fault(place, read.message);
      continue;
    }
    if (read instanceof UsageError) i++;
    for (const option of more instanceof UsageError ? [] : more) {
      const why = NOT_IN_FILE.get(option.name);
      if (why === undefined) options.push({ ...option, place });
      else fault(place, why);
    }
  }
  return options;
}

function splitWords(line: string): string[] {
  return line
    .replace(/#.*/, '')
    .split(/\s+/)
    .filter(word => word !== '');
}

function tryWords(words: readonly string[]): { name: string; value: string }[] | UsageError {
  try {
    return [...readOptions(PROGRAM, words)];
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}
