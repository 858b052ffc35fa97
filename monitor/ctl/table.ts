import { printable } from '../../common/log.js';
import type { PropertyValues } from '../mirror/client-view.js';
import { BRIEF_COLUMNS, COLUMNS, plainText } from './columns.js';
import type { Column } from './columns.js';

export interface TableOptions {
  /** All columns instead of the first four. */
  readonly verbose: boolean;
  /** With escape sequences of a terminal. */
  readonly colours: boolean;
}

const BOLD = '\x1b[1m';
const RED = '\x1b[31m';
const PLAIN = '\x1b[0m';

/** Rows of a chunk: a table of thousands of clients is written in parts of a megabyte or less. */
const CHUNK_ROWS = 1000;

/**
 * The table of clients: columns as wide as their widest cell, in code points, with one space between. Control
 * characters are shown escaped: a row is one line.
 * @returns the text in chunks, each of whole lines
 */
export function* formatTable(
  clients: readonly PropertyValues[],
  { verbose, colours }: TableOptions,
): Generator<string> {
  const columns = verbose ? COLUMNS : COLUMNS.slice(0, BRIEF_COLUMNS);
  const rows = clients.map(client => columns.map(column => cell(column, client)));
  const widths = columns.map(({ title }, i) =>
    rows.reduce((width, row) => Math.max(width, codePoints(row[i] ?? '')), title.length),
  );
  const line = (cells: readonly string[]) => cells.map((text, i) => padded(text, widths[i] ?? 0)).join(' ');
  const header = line(columns.map(({ title }) => title));
  yield colours ? `${BOLD}${header}${PLAIN}\n` : `${header}\n`;
  for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
    const lines = rows.slice(start, start + CHUNK_ROWS).map((row, i) => {
      const disabled = clients[start + i]?.get('Enabled') === false;
      return colours && disabled ? `${RED}${line(row)}${PLAIN}\n` : `${line(row)}\n`;
    });
    yield lines.join('');
  }
}

function cell({ property, kind }: Column, client: PropertyValues): string {
  const value = client.get(property);
  if (value === undefined) return '';
  if (kind === 'boolean') return value === true ? 'Yes' : 'No';
  if (kind === 'duration') return formatTableDuration(BigInt(plainText(value) || 0));
  return printable(plainText(value));
}

const MS_PER_S = 1000n;
const S_PER_DAY = 86_400n;

/** `HH:MM:SS`, with `<days>T` in front from a day on; part of a second is cut. @param ms any unsigned 64-bit number */
export function formatTableDuration(ms: bigint): string {
  const seconds = ms / MS_PER_S;
  const days = seconds / S_PER_DAY;
  const rest = Number(seconds % S_PER_DAY);
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60]
    .map(part => String(part).padStart(2, '0'))
    .join(':');
  return days === 0n ? time : `${days}T${time}`;
}

function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - codePoints(text)));
}

function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) if ((text.codePointAt(i) ?? 0) > 0xffff) count--;
  return count;
}
