import { layOut } from './layout.js';
import type { Pane } from './layout.js';
import type { Input, Model } from './model.js';
import { listing } from './model.js';
import { moveLog, moveSelection, select } from './movement.js';
import { tableColumns } from './table-columns.js';

/** What the mouse does: selects, opens details, sorts, scrolls. It asks nothing of the server. */
export function pressMouse(model: Model, input: Input & { kind: 'mouse' }): Model {
  const { banner, list, log } = layOut(model);
  const { action, row, column } = input;
  if (log && isWithin(log, input))
    return action === 'press' ? { ...model, focus: 'log' } : moveLog(model, action);
  if (action !== 'press') return moveSelection(model, action);
  if (banner && isWithin(banner, input)) return selectPending(model);
  if (!list || !isWithin(list, input)) return model;
  const focused: Model = { ...model, focus: 'clients' };
  if (row === list.top) return sortBy(focused, column);
  const place = model.top + row - list.top - 1;
  if (place === model.place && model.selected !== undefined)
    return { ...focused, details: layOut(model).details ? 'hidden' : 'shown' };
  return select(focused, place);
}

function isWithin({ left, top, columns, rows }: Pane, at: { column: number; row: number }): boolean {
  return at.row >= top && at.row < top + rows && at.column >= left && at.column < left + columns;
}

/** The one that waits longest. */
function selectPending(model: Model): Model {
  const [first] = listing(model).pending;
  const place = first && listing(model).places.get(first.path);
  return place === undefined ? model : select(model, place);
}

/** By the column whose heading it is; the other way round when it is already. */
function sortBy(model: Model, at: number): Model {
  const columns = tableColumns(layOut(model).list?.columns ?? 0);
  const column = columns.find(({ left, width }) => at >= left && at < left + width + 1);
  if (!column) return model;
  const { key, descending } = model.order;
  return { ...model, order: { key: column.key, descending: column.key === key ? !descending : false } };
}
