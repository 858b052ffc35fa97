import type { Program } from './cli.js';

/** A command line, taken apart. */
export interface Words {
  /** Options with their arguments, in order. */
  readonly options: readonly string[];
  /** What is neither, in order. */
  readonly operands: readonly string[];
}

/**
 * Finds the words that are no options and no arguments of one, wherever they stand, as getopt_long(3) does. Behind `--`
 * all words are operands. What is wrong with an option is left to who reads the options.
 * @param argv the arguments without node and script
 */
export function splitOperands(program: Program, argv: readonly string[]): Words {
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  const options: string[] = [];
  const operands: string[] = [];
  for (let i = 0; i < end; i++) {
    const word = argv[i] ?? '';
    if (!word.startsWith('-') || word === '-') {
      operands.push(word);
      continue;
    }
    options.push(word);
    // An argument is the next word even if that looks like an option, or like the end of them.
    if (!wantsNextWord(program, word) || i + 1 >= argv.length) continue;
    if (i + 1 === end) return { options, operands: [...operands, ...argv.slice(end + 1)] };
    options.push(argv[++i] ?? '');
  }
  return { options, operands: [...operands, ...argv.slice(end + 1)] };
}

/** Whether an option takes an argument that is not attached to it. */
function wantsNextWord({ options }: Program, word: string): boolean {
  if (word.startsWith('--')) {
    if (word.includes('=')) return false;
    const name = word.slice(2);
    const option =
      options.find(candidate => candidate.name === name) ??
      options.find(candidate => candidate.name.startsWith(name));
    return option?.argument !== undefined && !option.optionalArgument;
  }
  const letters = word.slice(1);
  const places = options
    .filter(({ argument }) => argument !== undefined)
    .map(({ short }) => (short === undefined ? -1 : letters.indexOf(short)))
    .filter(place => place >= 0);
  // Behind the first such letter stands its argument, or nothing.
  return places.length > 0 && Math.min(...places) === letters.length - 1;
}
