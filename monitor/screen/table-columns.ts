import type { SortKey } from './listing.js';

export interface TableColumn {
  readonly key: SortKey;
  readonly title: string;
  readonly left: number;
  readonly width: number;
}

/** The sign of a client's state and a space. */
const SIGN_CELLS = 2;

/** From this width on, a row says what the state means for the operator. */
const LONG_STATES_FROM = 108;

/** The columns of a list of so many cells, with a space between two. Name and host share what the others leave. */
export function tableColumns(cells: number): TableColumn[] {
  const isLong = cells >= LONG_STATES_FROM;
  const fixed = { state: isLong ? 30 : 14, expires: isLong ? 25 : 15, checked: 7, released: 8 };
  const gaps = 5;
  const rest = Math.max(
    16,
    cells - SIGN_CELLS - gaps - fixed.state - fixed.expires - fixed.checked - fixed.released,
  );
  const name = Math.ceil(rest / 2);
  const widths: [SortKey, string, number][] = [
    ['name', 'NAME', name],
    ['state', 'STATE', fixed.state],
    ['host', 'HOST', rest - name],
    ['expires', 'EXPIRES', fixed.expires],
    ['checked', 'CHECK', fixed.checked],
    ['released', 'RELEASE', fixed.released],
  ];
  let left = SIGN_CELLS;
  return widths.map(([key, title, width]) => {
    const column = { key, title, left, width };
    left += width + 1;
    return column;
  });
}
