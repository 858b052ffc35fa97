import type { Line } from './cells.js';
import { lineCells, span } from './cells.js';
import { BINDINGS, keyLabels } from './keys.js';

/** Room for the longest list of keys. */
const KEY_CELLS =
  6 + Math.max(...BINDINGS.flatMap(({ bindings }) => bindings.map(({ keys }) => keyLabels(keys).length)));

/** From this width on there are two columns. */
const TWO_COLUMNS_FROM = 150;

/** The help screen, out of the table that binds the keys. */
export function helpLines(width: number): Line[] {
  const groups = BINDINGS.map(({ title, bindings }): Line[] => [
    [span(` ${title}`, 'heading')],
    ...bindings.map(({ keys, help }) => [
      span(`   ${keyLabels(keys)}`.padEnd(KEY_CELLS), 'strong'),
      span(help),
    ]),
    [],
  ]);
  const [first = [], ...others] = groups;
  if (width < TWO_COLUMNS_FROM) return [...first, ...others.flat(), ...MOUSE];
  const right = [...others.flat(), ...MOUSE];
  const half = Math.floor(width / 2);
  return Array.from({ length: Math.max(first.length, right.length) }, (_, i) => {
    const left = first[i] ?? [];
    return [...left, span(' '.repeat(Math.max(0, half - lineCells(left)))), ...(right[i] ?? [])];
  });
}

const MOUSE: readonly Line[] = [
  [span(' Mouse', 'heading')],
  [span('   Click'.padEnd(KEY_CELLS), 'strong'), span('Select; again: details; on a heading: sort')],
  [span('   Wheel'.padEnd(KEY_CELLS), 'strong'), span('Scroll the list or the log')],
];
