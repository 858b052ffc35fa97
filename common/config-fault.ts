import { printable } from './log.js';

/** One thing that is wrong with a configuration. An error keeps it from being used; a warning does not. */
export interface ConfigFault {
  /** Path of the file, or where else the value came from. */
  readonly file: string;
  /** Counted from 1; absent when the fault is of the file as a whole. */
  readonly line?: number;
  readonly section?: string;
  readonly key?: string;
  /** What is wrong, and what is allowed. Nothing secret. */
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

/** Where in a configuration something stands. */
export type ConfigPlace = Pick<ConfigFault, 'file' | 'line' | 'section' | 'key'>;

/** A fault as one line: `clients.conf:12: [web1] timeout: "5 parsecs" is not an RFC 3339 duration (try PT5M)`. */
export function formatFault(fault: ConfigFault): string {
  const line = fault.line === undefined ? '' : `:${fault.line}`;
  const section = fault.section === undefined ? '' : ` [${fault.section}]`;
  const key = fault.key === undefined ? '' : ` ${fault.key}:`;
  // With a section alone the colon stands behind it.
  const colon = section !== '' && key === '' ? ':' : '';
  return printable(`${fault.file}${line}:${section}${colon}${key} ${fault.message}`);
}

/** How many of the faults keep the configuration from being used. */
export function countErrors(faults: readonly ConfigFault[]): number {
  return faults.filter(fault => fault.severity === 'error').length;
}

/**
 * In the order of lines; those without a line last.
 * @param files the order of the files, if there are several; a fault of no file of these comes last
 */
export function sortFaults(faults: Iterable<ConfigFault>, files: readonly string[] = []): ConfigFault[] {
  const indexes = new Map(files.map((file, i) => [file, i]));
  const fileOrder = (fault: ConfigFault) => indexes.get(fault.file) ?? files.length;
  const lineOrder = (fault: ConfigFault) => fault.line ?? Number.MAX_SAFE_INTEGER;
  return [...faults].toSorted((a, b) => fileOrder(a) - fileOrder(b) || lineOrder(a) - lineOrder(b));
}

/** Longer values are cut: a fault is one line, and the file has the rest. */
const QUOTE_LIMIT = 60;

/** A value in quotes, for a message. Never pass anything secret. */
export function quote(value: string): string {
  return `"${value.length > QUOTE_LIMIT ? `${value.slice(0, QUOTE_LIMIT)}…` : value}"`;
}
