import { layOut, listRows } from './layout.js';
import { logLines } from './log-lines.js';
import type { Model } from './model.js';
import { listing } from './model.js';

/** A mouse wheel's step. */
const WHEEL_LINES = 3;

/** Where a key leads, from `at` in something with `length` lines of which `page` are seen. Undefined: nowhere. */
export function moved(action: string, at: number, length: number, page: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    down: 1,
    'page-up': -Math.max(1, page),
    'page-down': Math.max(1, page),
    'wheel-up': -WHEEL_LINES,
    'wheel-down': WHEEL_LINES,
    first: -length,
    last: length,
  };
  const step = steps[action];
  return step === undefined ? undefined : Math.max(0, Math.min(length - 1, at + step));
}

/** Selects another client. */
export function moveSelection(model: Model, action: string): Model {
  const { clients } = listing(model);
  const layout = layOut(model);
  const place = moved(action, model.place, clients.length, listRows(layout));
  return place === undefined ? model : select(model, place);
}

export function select(model: Model, place: number): Model {
  const client = listing(model).clients[place];
  return client ? { ...model, selected: client.path, place } : model;
}

/** Moves the log under its pane. */
export function moveLog(model: Model, action: string): Model {
  const pane = layOut(model).log;
  if (!pane) return model;
  const furthest = Math.max(0, logLines(model, pane.columns).length - pane.rows);
  // As the lines are counted from the end, up is more.
  const at = moved(action, furthest - Math.min(model.log.back, furthest), furthest + 1, pane.rows);
  return at === undefined ? model : { ...model, log: { ...model.log, back: furthest - at } };
}

/**
 * After any change: what was selected still is, or what has its place, and is within the list's rows. Lines that come
 * while one reads older ones do not move these.
 */
export function settle(before: Model, model: Model): Model {
  const { clients, places } = listing(model);
  const same = model.selected === undefined ? undefined : places.get(model.selected);
  const place = same ?? Math.max(0, Math.min(model.place, clients.length - 1));
  const rows = Math.max(1, listRows(layOut(model)));
  const highest = Math.max(0, clients.length - rows);
  const top = Math.min(highest, place, Math.max(model.top, place - rows + 1));
  const settled = { ...model, place, top, selected: clients[place]?.path };
  return settled.log.back > 0 && before.journal !== model.journal ? holdLog(before, settled) : settled;
}

function holdLog(before: Model, model: Model): Model {
  const columns = layOut(model).log?.columns ?? model.size.columns;
  const more = logLines(model, columns).length - logLines(before, columns).length;
  return more > 0 ? { ...model, log: { ...model.log, back: model.log.back + more } } : model;
}
