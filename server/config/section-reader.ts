import { expandValue } from '../../common/config-expansion.js';
import type { ConfigFault } from '../../common/config-fault.js';
import type { ConfigOption, ConfigSection } from '../../common/config-file.js';
import { printableKey } from '../../common/config-file.js';
import { CHECKER_ATTRIBUTES } from '../client/checker-format.js';
import { CLIENT_DEFAULTS } from './client-options.js';
import type { Parsed } from './values.js';
import { withCommentHint } from './values.js';

type Severity = ConfigFault['severity'];

/** One client's options as they are in effect: its own, those of [DEFAULT], and the built-in ones, expanded. */
export class SectionReader {
  readonly section: ConfigSection;
  readonly #sections: readonly ConfigSection[];
  readonly #report: (fault: ConfigFault) => void;
  readonly #values = new Map<string, string>();
  /** Options whose value has the secret in it, by a reference. */
  readonly #withSecret = new Set<string>();

  /**
   * Expands everything, unknown options included, and reports what cannot be.
   * @param section the client's own
   * @param defaults sections that it inherits from; earlier ones win
   */
  constructor(
    section: ConfigSection,
    defaults: readonly ConfigSection[],
    report: (fault: ConfigFault) => void,
  ) {
    this.section = section;
    this.#sections = [section, ...defaults];
    this.#report = report;
    const keys = new Set(CLIENT_DEFAULTS.keys());
    for (const { options } of this.#sections.toReversed()) {
      for (const key of options.keys()) keys.add(key);
    }
    for (const key of keys) this.#expand(key);
  }

  /** The value, or undefined when the option is not set or its expansion is at fault. */
  text(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** The section that says what an option is; undefined when none does. */
  sectionOf(key: string): ConfigSection | undefined {
    return this.#sections.find(({ options }) => options.has(key));
  }

  /** Where the option stands in its file. */
  option(key: string): ConfigOption | undefined {
    return this.sectionOf(key)?.options.get(key);
  }

  /** The value as something else, or `fallback` when that fails, which is reported. */
  parse<T>(key: string, parse: (text: string) => Parsed<T>, fallback: T): T {
    const text = this.text(key);
    if (text === undefined) return fallback;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    this.invalid(key, withCommentHint(parsed.problem, text));
    return fallback;
  }

  /**
   * Reports that an option's value is wrong.
   * @param problem which may quote the value; not told when the secret is a part of that
   */
  invalid(key: string, problem: string): void {
    const hidden = 'has a wrong value, which is not shown as it refers to the secret';
    this.fault(key, this.#withSecret.has(key) ? hidden : problem);
  }

  /**
   * Reports something about an option.
   * @param lineIndex which line of its value is meant
   */
  fault(key: string, message: string, severity: Severity = 'error', lineIndex = 0): void {
    const option = this.option(key);
    const { file, name } = this.sectionOf(key) ?? this.section;
    const line = option?.lines[lineIndex] ?? option?.lines[0];
    this.#report({
      file,
      ...(line === undefined ? {} : { line }),
      section: name,
      key: printableKey(key),
      message,
      severity,
    });
  }

  /** Reports something about the client as a whole. */
  sectionFault(message: string, severity: Severity = 'error'): void {
    const { file, line, name } = this.section;
    this.#report({ file, line, section: name, message, severity });
  }

  #raw(key: string): string | undefined {
    return this.option(key)?.raw ?? CLIENT_DEFAULTS.get(key);
  }

  #expand(key: string): void {
    const raw = this.#raw(key) ?? '';
    const expansion = expandValue(raw, name => {
      if (name === 'secret') this.#withSecret.add(key);
      return this.#raw(name);
    });
    if ('value' in expansion) this.#values.set(key, expansion.value);
    else {
      const { problem, missing } = expansion;
      const runtime = key === 'checker' && missing !== undefined && CHECKER_ATTRIBUTES.has(missing);
      this.fault(key, runtime ? `${problem} (write "%%(${missing})s" for the client's own)` : problem);
    }
  }
}
