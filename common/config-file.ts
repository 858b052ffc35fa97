import { isUtf8 } from 'node:buffer';
import type { ConfigFault } from './config-fault.js';
import { quote } from './config-fault.js';

/** The section whose options every other section inherits. */
export const DEFAULT_SECTION = 'DEFAULT';

/** One `option = value` of a file, not yet expanded. */
export interface ConfigOption {
  /** Lower case, as options are compared. */
  readonly key: string;
  /** Without white space around each line; continuation lines are joined by newlines. */
  readonly raw: string;
  /** Line in the file of each line of `raw`, counted from 1; the first is where the option begins. */
  readonly lines: readonly number[];
}

export interface ConfigSection {
  /** Path of the file that it stands in. */
  readonly file: string;
  readonly name: string;
  /** Of the header; of the first one, if [DEFAULT] stands there several times. */
  readonly line: number;
  /** By key, in the file's order; of duplicates the first. */
  readonly options: ReadonlyMap<string, ConfigOption>;
}

/** What a file says, as far as it can be understood, and everything that is wrong with its syntax. */
export interface ConfigFile {
  readonly file: string;
  /** [DEFAULT]; undefined when the file has none. */
  readonly defaults: ConfigSection | undefined;
  /** All others, in the file's order; of duplicates the first. */
  readonly sections: readonly ConfigSection[];
  readonly faults: readonly ConfigFault[];
}

/**
 * Parses the format of mandos.conf(5) and mandos-clients.conf(5), which is that of Python's configparser with its
 * default settings: `[section]`, `option = value` or `option: value`, continuation by deeper indentation, comments
 * on lines of their own. Never throws.
 * @param file named in the faults
 */
export function parseConfigFile(bytes: Uint8Array, file: string): ConfigFile {
  const parser = new Parser(file);
  parser.checkEncoding(bytes);
  // Unlike a TextDecoder, this keeps a byte order mark, as the original does.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  parser.readText(text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text);
  return parser.finish();
}

interface OpenSection extends ConfigSection {
  readonly options: Map<string, ConfigOption>;
}

/** An option whose continuation lines are still to come. */
interface OpenOption {
  readonly section: OpenSection;
  readonly key: string;
  readonly values: string[];
  readonly lines: number[];
}

class Parser {
  readonly #file: string;
  readonly #faults: ConfigFault[] = [];
  readonly #sections = new Map<string, OpenSection>();
  #section: OpenSection | undefined;
  /** What a deeper indented line continues. */
  #option: OpenOption | undefined;
  #indent = 0;
  /** One fault for a run of lines that make no sense: they have one cause. */
  #inNonsense = false;

  constructor(file: string) {
    this.#file = file;
  }

  checkEncoding(bytes: Uint8Array): void {
    const line = firstUndecodableLine(bytes);
    if (line !== undefined) this.#fault(line, 'is not UTF-8 text (convert the file, for example with iconv)');
  }

  readText(text: string): void {
    let number = 1;
    for (let start = 0; start <= text.length; number++) {
      const newline = text.indexOf('\n', start);
      const end = newline < 0 ? text.length : newline;
      this.#readLine(text.slice(start, end), number);
      start = end + 1;
    }
  }

  #readLine(line: string, number: number): void {
    if (line.includes('\0')) this.#fault(number, 'has a NUL character');
    const start = skipSpace(line);
    const end = trimmedEnd(line, start);
    if (start === end) {
      // An empty line within a value belongs to it, as the original has it.
      this.#option?.values.push('');
      this.#option?.lines.push(number);
      return;
    }
    if (line[start] === '#' || line[start] === ';') return;
    const text = line.slice(start, end);
    if (this.#option && start > this.#indent) {
      this.#option.values.push(text);
      this.#option.lines.push(number);
      return;
    }
    // Below a line that makes no sense, a deeper one is its continuation.
    if (this.#inNonsense && start > this.#indent) return;
    this.#indent = start;
    this.#readUnindented(text, number);
  }

  finish(): ConfigFile {
    this.#closeOption();
    const sections = [...this.#sections.values()];
    return {
      file: this.#file,
      defaults: this.#sections.get(DEFAULT_SECTION),
      sections: sections.filter(section => section.name !== DEFAULT_SECTION),
      faults: this.#faults,
    };
  }

  #readUnindented(text: string, number: number): void {
    this.#closeOption();
    // The last bracket of the line ends the name; what follows it is ignored, as in the original.
    const [, name] = /^\[(.+)\]/s.exec(text) ?? [];
    if (name !== undefined) {
      this.#inNonsense = false;
      this.#openSection(name, number);
    } else if (!this.#section) {
      this.#reportNonsense(number, beforeFirstSection(text));
    } else {
      const [, key, value] = /^([^=:]+)[=:](.*)$/s.exec(text) ?? [];
      if (key !== undefined && value !== undefined) {
        this.#openOption(this.#section, trim(key).toLowerCase(), trim(value), number);
      } else this.#reportNonsense(number, whyNoOption(text));
    }
  }

  #openSection(name: string, number: number): void {
    const earlier = this.#sections.get(name);
    if (earlier && name !== DEFAULT_SECTION) {
      this.#fault(number, `stands in line ${earlier.line} already`, { section: name });
      // Its lines are still checked, and then dropped.
      this.#section = { file: this.#file, name, line: number, options: new Map() };
      return;
    }
    this.#section = earlier ?? { file: this.#file, name, line: number, options: new Map() };
    this.#sections.set(name, this.#section);
  }

  #openOption(section: OpenSection, key: string, value: string, number: number): void {
    this.#inNonsense = false;
    this.#option = { section, key, values: [value], lines: [number] };
    const earlier = section.options.get(key);
    if (earlier) {
      const message = `stands in line ${earlier.lines[0]} already`;
      this.#fault(number, message, { section: section.name, key: printableKey(key) });
    }
  }

  #closeOption(): void {
    if (!this.#option) return;
    const { section, key, values, lines } = this.#option;
    this.#option = undefined;
    if (section.options.has(key)) return;
    // Empty lines at the end of a value only separate sections.
    while (values.length > 1 && values.at(-1) === '') {
      values.pop();
      lines.pop();
    }
    section.options.set(key, { key, raw: values.join('\n'), lines });
  }

  #reportNonsense(number: number, message: string): void {
    const section = this.#section && { section: this.#section.name };
    if (!this.#inNonsense) this.#fault(number, message, section);
    this.#inNonsense = true;
  }

  #fault(line: number, message: string, at: { section?: string; key?: string } = {}): void {
    this.#faults.push({ file: this.#file, line, ...at, message, severity: 'error' });
  }
}

function whyNoOption(text: string): string {
  if (text.startsWith('[]')) return 'has an empty section name';
  if (/^[=:]/.test(text)) return 'has no option name';
  return 'is neither "[section]" nor "option = value" (indent it if it continues the value above)';
}

function beforeFirstSection(text: string): string {
  if (text.startsWith('\uFEFF')) return 'begins with a byte order mark (save the file as UTF-8 without one)';
  return `stands before the first section (begin the file with a line "[${DEFAULT_SECTION}]")`;
}

/** Longer or stranger names are no misspelt options; they may be a line of a secret that lost its indentation. */
const LONGEST_PRINTED_KEY = 30;

/** The name of an option in a fault. */
export function printableKey(key: string): string {
  return key.length <= LONGEST_PRINTED_KEY && /^[\w .-]+$/.test(key) ? key : quote('…');
}

function trim(text: string): string {
  const start = skipSpace(text);
  return text.slice(start, trimmedEnd(text, start));
}

function skipSpace(text: string): number {
  let at = 0;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  return at;
}

function trimmedEnd(text: string, start: number): number {
  let end = text.length;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return end;
}

/** White space as the original sees it: unlike String.trim, with the separators 1C to 1F and 85, without FEFF. */
function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f);
  if (code < 0x85) return false;
  return code === 0x85 || (code !== 0xfeff && /^\s$/.test(String.fromCharCode(code)));
}

function firstUndecodableLine(bytes: Uint8Array): number | undefined {
  if (isUtf8(bytes)) return undefined;
  let line = 1;
  for (let start = 0; start <= bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    if (!isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
  return line;
}
