import { MandosError } from './errors.js';
import { printable } from './log.js';
import { COMPATIBLE_WITH, VERSION } from './version.js';
import { wrap } from './wrap.js';

/** One command-line option. Names and short forms are those of the original's manual pages. */
export interface Option {
  /** Long name without dashes. */
  readonly name: string;
  readonly short?: string;
  /** Name of the argument in the help; absent for a switch. */
  readonly argument?: string;
  /**
   * The argument may be left out (`--test[=DEVICE]`); it is '' then. Only an attached one counts, which must not be
   * empty: an empty variable of a shell is not the same as nothing.
   */
  readonly optionalArgument?: boolean;
  readonly help: string;
}

/** What a program's command line accepts, and its help. */
export interface Program {
  readonly name: string;
  readonly summary: string;
  /** Usage lines without the program's name. */
  readonly usage: readonly string[];
  readonly options: readonly Option[];
  /** Text behind the options in `--help`. */
  readonly notes?: string;
}

/** Options as given, in order: several times the same option is several values; a switch has the value ''. */
export type OptionValues = ReadonlyMap<string, readonly string[]>;

export type CommandLine =
  | { readonly kind: 'run'; readonly values: OptionValues }
  /** `--help`, `--usage` or `--version`: print `text` on standard output and exit 0. */
  | { readonly kind: 'print'; readonly text: string };

/** A command line that cannot be understood. Its message names the option and points to `--help`. */
export class UsageError extends MandosError {
  override readonly name = 'UsageError';
  constructor(message: string) {
    super('USAGE', message);
  }
}

/**
 * Reads a command line by a program's table, as getopt_long(3) does: a long option may be shortened to any
 * unambiguous prefix, short ones may be joined, and an argument may be attached or be the next word. `help`, `usage`
 * and `version` are answered here when the table has them, whatever comes after them.
 * @param argv the arguments without node and script
 * @throws UsageError
 */
export function parseCommandLine(program: Program, argv: readonly string[]): CommandLine {
  const values = new Map<string, string[]>();
  // One after the other: what comes behind `--help` does not matter.
  for (const { name, value } of readOptions(program, argv)) {
    if (name === 'help') return { kind: 'print', text: helpText(program) };
    if (name === 'usage') return { kind: 'print', text: usageText(program) };
    if (name === 'version') return { kind: 'print', text: versionText(program) };
    const list = values.get(name);
    if (list) list.push(value);
    else values.set(name, [value]);
  }
  return { kind: 'run', values };
}

/** The last value of an option, as options given twice count, or undefined. */
export function lastValue(values: OptionValues, name: string): string | undefined {
  return values.get(name)?.at(-1);
}

/**
 * The options one after the other, for a program to which their order matters.
 * @throws UsageError at the first that cannot be understood
 */
export function* readOptions(
  program: Program,
  argv: readonly string[],
): Generator<{ readonly name: string; readonly value: string }> {
  const words = [...argv];
  /** An option that was given without its optional argument: a word without an option may be that. */
  let lacking: string | undefined;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') {
      const [argument] = words;
      if (argument !== undefined) throw unexpectedArgument(program, argument, lacking);
      return;
    }
    if (word.startsWith('--')) {
      const [, given = '', attached] = /^--([^=]*)(?:=([^]*))?$/.exec(word) ?? [];
      const option = findLong(program, given);
      if (option.optionalArgument) lacking = attached === undefined ? option.name : undefined;
      yield { name: option.name, value: takeArgument(program, option, `--${given}`, attached, words) };
    } else if (word.startsWith('-') && word !== '-') {
      yield* readShortOptions(program, word, words);
    } else throw unexpectedArgument(program, word, lacking);
  }
}

/** `-v`, `-vf`, `-fFILE`: letters up to the one that takes an argument, which has the rest of the word. */
function* readShortOptions(program: Program, word: string, words: string[]) {
  for (let rest = word.slice(1); rest !== '';) {
    const letter = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    rest = rest.slice(letter.length);
    const option = program.options.find(({ short }) => short === letter);
    if (!option) throw usageError(program, `unknown option '-${letter}'`);
    if (option.argument === undefined) yield { name: option.name, value: '' };
    else {
      yield {
        name: option.name,
        value: takeArgument(program, option, `-${letter}`, rest || undefined, words),
      };
      return;
    }
  }
}

/** An option's value. Without an attached one it is the next word, even if that looks like an option. */
function takeArgument(
  program: Program,
  option: Option,
  shown: string,
  attached: string | undefined,
  words: string[],
): string {
  if (option.argument === undefined) {
    if (attached === undefined) return '';
    throw usageError(program, `option '${shown}' does not take an argument`);
  }
  if (option.optionalArgument && attached === '')
    throw usageError(program, `option '${shown}=' has an empty argument: ${option.argument}`);
  const value = attached ?? (option.optionalArgument ? '' : words.shift());
  if (value === undefined)
    throw usageError(program, `option '${shown}' needs an argument: ${option.argument}`);
  return value;
}

function findLong(program: Program, name: string): Option {
  const matches = program.options.filter(option => option.name.startsWith(name));
  const option = matches.find(match => match.name === name) ?? matches[0];
  if (!option) throw usageError(program, `unknown option '--${name}'`);
  if (matches.length > 1 && option.name !== name) {
    const names = matches.map(match => `--${match.name}`).join(', ');
    throw usageError(program, `option '--${name}' is ambiguous: it could be ${names}`);
  }
  return option;
}

function unexpectedArgument(program: Program, argument: string, lacking: string | undefined): UsageError {
  const hint = lacking === undefined ? '' : ` (did you mean --${lacking}=${argument}?)`;
  return usageError(program, `unexpected argument '${argument}'${hint}`);
}

function usageError(program: Program, text: string): UsageError {
  return new UsageError(printable(`${text} (see ${program.name} --help)`));
}

function versionText(program: Program): string {
  return `${program.name} ${VERSION} (mandos-ts, compatible with ${COMPATIBLE_WITH})\n`;
}

function usageText(program: Program): string {
  return program.usage
    .map((line, i) => `${i === 0 ? 'Usage:' : '      '} ${program.name} ${line}`.trimEnd() + '\n')
    .join('');
}

function helpText(program: Program): string {
  const rows = program.options.map(option => {
    const argument =
      option.argument === undefined
        ? ''
        : option.optionalArgument
          ? `[=${option.argument}]`
          : `=${option.argument}`;
    const short = option.short === undefined ? '    ' : `-${option.short}, `;
    return { left: `  ${short}--${option.name}${argument}`, help: option.help };
  });
  const column = Math.min(32, Math.max(...rows.map(row => row.left.length)) + 2);
  const lines = rows.map(({ left, help }) => {
    const [first = '', ...rest] = wrap(help, 79 - column);
    const head =
      left.length + 2 > column ? `${left}\n${' '.repeat(column)}${first}` : left.padEnd(column) + first;
    return [head, ...rest.map(line => ' '.repeat(column) + line)].join('\n');
  });
  const notes = program.notes === undefined ? '' : `\n${program.notes.trimEnd()}\n`;
  return `${usageText(program)}\n${program.summary}\n\nOptions:\n${lines.join('\n')}\n${notes}`;
}
