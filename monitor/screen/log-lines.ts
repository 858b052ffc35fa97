import type { Line } from './cells.js';
import { span, wrap } from './cells.js';
import type { Model } from './model.js';
import { dateTime } from './times.js';

/** The log as lines of so many cells at most. */
export function logLines({ journal, log }: Model, columns: number): Line[] {
  const entries = log.verbose ? journal.verbose : journal.entries;
  const lines: Line[] = [];
  for (const { atMs, text, look } of entries) {
    const time = dateTime(atMs);
    const start = span(`${time}  `, 'faint');
    const room = Math.max(1, columns - start.text.length);
    const [first = '', ...rest] = log.wrap ? wrap(text, room) : [text];
    lines.push([start, span(first, look)]);
    for (const line of rest) lines.push([span(' '.repeat(start.text.length)), span(line, look)]);
  }
  return lines;
}
