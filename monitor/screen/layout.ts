import type { Model } from './model.js';
import { isLive, listing } from './model.js';

/** From this width on, the details of the selected client are beside the list. */
const BESIDE_COLUMNS = 130;
const DETAILS_COLUMNS = { min: 46, max: 68, share: 0.36 };

/** The log gets a third of the screen; none of it where it would have no three lines. */
const LOG_ROWS = { min: 3, max: 14, share: 0.3 };

export interface Pane {
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
}

/** Where things are. The bar is the first row, the footer the last. */
export interface Layout {
  /** What must not be overlooked; undefined when there is nothing. */
  readonly banner: Pane | undefined;
  /** The list with its row of headings; undefined when details take its place. */
  readonly list: Pane | undefined;
  readonly details: Pane | undefined;
  /** Without the line above it, which is in `list`'s columns. */
  readonly log: Pane | undefined;
  readonly footer: Pane;
}

export function layOut(model: Model): Layout {
  const { columns, rows } = model.size;
  const hasBanner = (!isLive(model) && model.clients.size > 0) || listing(model).pending.length > 0;
  const top = hasBanner ? 2 : 1;
  const footer = { left: 0, top: rows - 1, columns, rows: 1 };
  const banner = hasBanner ? { left: 0, top: 1, columns, rows: 1 } : undefined;
  const body = { left: 0, top, columns, rows: Math.max(0, rows - 1 - top) };
  const isBeside = columns >= BESIDE_COLUMNS;
  const showsDetails = model.details === 'shown' || (model.details === 'auto' && isBeside);
  if (showsDetails && !isBeside && model.clients.size > 0)
    return { banner, list: undefined, details: body, log: undefined, footer };
  const detailsColumns =
    showsDetails && model.clients.size > 0
      ? Math.min(
          DETAILS_COLUMNS.max,
          Math.max(DETAILS_COLUMNS.min, Math.floor(columns * DETAILS_COLUMNS.share)),
        )
      : 0;
  const details =
    detailsColumns > 0
      ? { ...body, left: columns - detailsColumns + 2, columns: detailsColumns - 2 }
      : undefined;
  // A cell is left empty before the line between them.
  const left = columns - detailsColumns - (details ? 1 : 0);
  const logRows = model.log.shown ? Math.min(LOG_ROWS.max, Math.floor(body.rows * LOG_ROWS.share)) : 0;
  if (logRows < LOG_ROWS.min)
    return { banner, list: { ...body, columns: left }, details, log: undefined, footer };
  const list = { ...body, columns: left, rows: body.rows - logRows - 1 };
  const log = { left: 0, top: list.top + list.rows + 1, columns: left, rows: logRows };
  return { banner, list, details, log, footer };
}

/** How many clients the list has room for. */
export function listRows(layout: Layout): number {
  return Math.max(0, (layout.list?.rows ?? 0) - 1);
}
