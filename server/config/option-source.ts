import type { OptionValues } from '../../common/cli.js';
import { lastValue } from '../../common/cli.js';
import { expandValue } from '../../common/config-expansion.js';
import type { ConfigFault, ConfigPlace } from '../../common/config-fault.js';
import type { ConfigFile } from '../../common/config-file.js';
import { DEFAULT_SECTION } from '../../common/config-file.js';
import type { Parsed } from './values.js';
import { parseBoolean, withCommentHint } from './values.js';

/** What stands for a file in faults of the command line. */
export const COMMAND_LINE = 'command line';

/** Whether the command line is wrong, and stays so: a directory that is not there may be mounted later. */
export function isUsageFault({ file, key, severity }: ConfigFault): boolean {
  return file === COMMAND_LINE && key !== '--configdir' && severity === 'error';
}

/** One thing that mandos.conf or the command line sets, and how. */
export interface Setting<T> {
  /** In mandos.conf. */
  readonly key: string;
  /** On the command line, without dashes. */
  readonly option: string;
  /** What the option means when it is a switch. */
  readonly switchMeans?: string;
  readonly fallback: T;
  readonly parse: (text: string) => Parsed<T>;
  /** Whether mandos.conf's value is expanded: the original expands numbers and booleans, and no text. */
  readonly expanded: boolean;
  /** Whether an empty value means the default. */
  readonly emptyIsDefault: boolean;
}

/** A setting whose empty value means the default, like `interface =`. */
export function valueSetting<T>(
  key: string,
  fallback: T,
  parse: (text: string) => Parsed<T>,
  expanded = false,
): Setting<T> {
  return { key, option: key.replaceAll('_', '-'), fallback, parse, expanded, emptyIsDefault: true };
}

/** A boolean; its switch on the command line sets it to the opposite of its default. */
export function switchSetting(key: string, option: string, fallback: boolean): Setting<boolean> {
  return {
    key,
    option,
    switchMeans: String(!fallback),
    fallback,
    parse: parseBoolean,
    expanded: true,
    emptyIsDefault: false,
  };
}

/** A value in effect, and where it was set, rightly or wrongly: undefined for a default. */
export interface Effective<T> {
  readonly value: T;
  readonly place: ConfigPlace | undefined;
}

/** Reads settings from the command line and mandos.conf. The command line wins; both are checked. */
export class OptionSource {
  readonly #values: OptionValues;
  readonly #config: ConfigFile | undefined;
  readonly #report: (fault: ConfigFault) => void;

  constructor(values: OptionValues, config: ConfigFile | undefined, report: (fault: ConfigFault) => void) {
    this.#values = values;
    this.#config = config;
    this.#report = report;
  }

  read<T>(setting: Setting<T>): Effective<T> {
    const fromFile = this.#readFile(setting);
    return this.#readCommandLine(setting) ?? fromFile ?? { value: setting.fallback, place: undefined };
  }

  #readCommandLine<T>(setting: Setting<T>): Effective<T> | undefined {
    const text = lastValue(this.#values, setting.option);
    if (text === undefined) return undefined;
    const place = { file: COMMAND_LINE, key: `--${setting.option}` };
    return this.#parse(setting, setting.switchMeans ?? text, place);
  }

  #readFile<T>(setting: Setting<T>): Effective<T> | undefined {
    const options = this.#config?.defaults?.options;
    const option = options?.get(setting.key);
    if (!this.#config || !option) return undefined;
    const line = option.lines[0] ?? 0;
    const place = { file: this.#config.file, line, section: DEFAULT_SECTION, key: setting.key };
    if (!setting.expanded) return this.#parse(setting, option.raw, place);
    const expansion = expandValue(option.raw, key => options?.get(key)?.raw);
    if ('value' in expansion) return this.#parse(setting, expansion.value, place);
    this.#report({ ...place, message: expansion.problem, severity: 'error' });
    return undefined;
  }

  #parse<T>(setting: Setting<T>, text: string, place: ConfigPlace): Effective<T> {
    if (text === '' && setting.emptyIsDefault) return { value: setting.fallback, place: undefined };
    const parsed = setting.parse(text);
    if ('value' in parsed) return { value: parsed.value, place };
    const message = place.line === undefined ? parsed.problem : withCommentHint(parsed.problem, text); // files have comments
    this.#report({ ...place, message, severity: 'error' });
    return { value: setting.fallback, place };
  }
}
