import { quote } from './config-fault.js';
import { printableKey } from './config-file.js';

/** The outcome of expanding a value, or what is wrong with it. */
export type Expansion =
  | { readonly value: string }
  | {
      readonly problem: string;
      /** The option that is referred to and does not exist. */ readonly missing?: string;
    };

/** References within references, as many as the original follows. */
const DEPTH_LIMIT = 10;

/**
 * Characters that one value's expansion may read. Ten levels of references, each naming the next a hundred times,
 * would otherwise go on for years; Linux starts no command with an argument over 128 KiB.
 */
const READ_LIMIT = 128 * 1024;

/** An option's value is wrong; `missing` names the option that a reference does not find. */
class ExpansionFault extends Error {
  readonly missing: string | undefined;
  constructor(problem: string, missing?: string) {
    super(problem);
    this.missing = missing;
  }
}

/**
 * Start-time expansion of mandos-clients.conf(5): `%(name)s` becomes the value of the option `name`, `%%` becomes
 * `%`; any other `%` is a fault.
 * @param raw the value as the file has it
 * @param lookup the raw value of an option, by its lower-case name, as the value's section sees it
 */
export function expandValue(raw: string, lookup: (key: string) => string | undefined): Expansion {
  if (!raw.includes('%')) return { value: raw };
  const parts: string[] = [];
  let read = 0;
  const lookupCounted = (key: string) => {
    const value = lookup(key);
    read += value?.length ?? 0;
    // Every reference counts, so that a great many to an empty option end as well.
    if (++read > READ_LIMIT) throw new ExpansionFault(`expands to more than ${READ_LIMIT} characters`);
    return value;
  };
  try {
    expandInto(raw, lookupCounted, parts, 1);
  } catch (error) {
    if (!(error instanceof ExpansionFault)) throw error;
    return { problem: error.message, ...(error.missing === undefined ? {} : { missing: error.missing }) };
  }
  return { value: parts.join('') };
}

function expandInto(
  raw: string,
  lookup: (key: string) => string | undefined,
  parts: string[],
  depth: number,
): void {
  if (depth > DEPTH_LIMIT) {
    throw new ExpansionFault(
      `refers to options that refer to others, over ${DEPTH_LIMIT} deep or in a circle`,
    );
  }
  let at = 0;
  for (let percent = raw.indexOf('%'); percent >= 0; percent = raw.indexOf('%', at)) {
    parts.push(raw.slice(at, percent));
    if (raw[percent + 1] === '%') {
      parts.push('%');
      at = percent + 2;
      continue;
    }
    const key = referenceAt(raw, percent);
    const value = lookup(key.toLowerCase());
    if (value === undefined) {
      // It may be a part of a secret by chance, which no name of an option is.
      const name = printableKey(key) === key ? key : '…';
      throw new ExpansionFault(
        `refers to ${quote(`%(${name})s`)}, but there is no option ${quote(name)}`,
        key.toLowerCase(),
      );
    }
    if (value.includes('%')) expandInto(value, lookup, parts, depth + 1);
    else parts.push(value);
    at = percent + `%(${key})s`.length;
  }
  parts.push(raw.slice(at));
}

/** The name in the reference `%(name)s` that starts at `percent`. */
function referenceAt(raw: string, percent: number): string {
  const close = raw[percent + 1] === '(' ? raw.indexOf(')', percent) : -1;
  const key = raw.slice(percent + 2, close);
  if (close < 0 || key === '' || raw[close + 1] !== 's') {
    throw new ExpansionFault(
      'has a "%" that is not part of "%(option)s" (write "%%" for a percent character)',
    );
  }
  return key;
}

/** Adds the keys that a value refers to, whether they exist or not. */
export function collectReferences(raw: string, into: Set<string>): void {
  if (!raw.includes('%(')) return;
  for (const [, key = ''] of raw.matchAll(/%\(([^)]+)\)s/g)) into.add(key.toLowerCase());
}
