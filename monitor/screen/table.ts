import type { ClientView } from '../mirror/client-view.js';
import type { Line, Span } from './cells.js';
import { clean, fit, fitLine, inLook, span } from './cells.js';
import { approvalLeftMs, remainingTime, stateOf } from './client-state.js';
import type { Remaining } from './client-state.js';
import type { Pane } from './layout.js';
import type { Glyphs, Look } from './looks.js';
import type { Model } from './model.js';
import { isLive, listing } from './model.js';
import { tableColumns } from './table-columns.js';
import type { TableColumn } from './table-columns.js';
import { age, clock, shortClock } from './times.js';

/** The list of clients in its pane, the headings first. Only what is seen is drawn. */
export function drawTable(model: Model, pane: Pane, glyphs: Glyphs): Line[] {
  const columns = tableColumns(pane.columns);
  const { clients } = listing(model);
  const lines = [headings(model, columns, pane.columns, glyphs)];
  for (const [i, client] of clients.slice(model.top, model.top + pane.rows - 1).entries())
    lines.push(row(model, client, model.top + i, columns, pane.columns, glyphs));
  if (clients.length === 0) {
    const why =
      model.clients.size === 0 ? 'There are no clients.' : 'No client has these words. Esc shows all.';
    lines.push([], [span(`  ${why}`, 'faint')]);
  }
  return lines;
}

function headings(model: Model, columns: readonly TableColumn[], width: number, glyphs: Glyphs): Line {
  const { key, descending } = model.order;
  const line: Span[] = [span('  ', 'heading')];
  for (const column of columns) {
    const arrow = column.key === key ? (descending ? glyphs.descending : glyphs.ascending) : '';
    line.push(span(`${fit(title(column, arrow), column.width, glyphs)} `, 'heading'));
  }
  return fitLine(line, width, 'heading');
}

function title({ title: text, width }: TableColumn, arrow: string): string {
  return text.length + 1 < width ? `${text} ${arrow}` : text + arrow;
}

const LOOKS = { pending: 'pending', failing: 'bad', enabled: 'good', disabled: 'faint' } as const;

function row(
  model: Model,
  client: ClientView,
  place: number,
  columns: readonly TableColumn[],
  width: number,
  glyphs: Glyphs,
): Line {
  const { nowMs } = model;
  const state = stateOf(client);
  const look = LOOKS[state];
  const weak: Look = state === 'disabled' ? 'faint' : state === 'pending' ? 'pending' : 'plain';
  const cell = (column: TableColumn): Line => {
    const put = (text: string, as: Look, align: 'left' | 'right' = 'left') => [
      span(fit(clean(text), column.width, glyphs, align), as),
    ];
    switch (column.key) {
      case 'name':
        return put(client.name, state === 'failing' ? 'strong' : weak);
      case 'state':
        return put(stateText(client, nowMs, column.width), look);
      case 'host':
        return put(client.host || '-', weak);
      case 'expires':
        return expiry(remainingTime(client, nowMs), column.width, glyphs);
      case 'checked':
        return put(age(client.lastCheckedOkMs, nowMs), weak, 'right');
      case 'released':
        return put(age(model.journal.releases.get(client.path), nowMs), weak, 'right');
    }
  };
  const line = [span(`${glyphs[state]} `, look), ...columns.flatMap(column => [...cell(column), span(' ')])];
  const fitted = fitLine(line, width, 'plain');
  if (place === model.place)
    return inLook(fitted, model.focus === 'clients' ? 'selected' : 'selectedElsewhere');
  return isLive(model) ? fitted : inLook(fitted, 'faint');
}

/** What a client's state means, as long as there is room for it. */
export function stateText(client: ClientView, nowMs: number, width: number): string {
  const state = stateOf(client);
  const isLong = width >= 28;
  if (state === 'failing') return isLong ? 'checker failed' : 'failing';
  if (state !== 'pending') return state;
  const left = approvalLeftMs(client, nowMs);
  const { approvedByDefault } = client;
  if (!isLong) return `${approvedByDefault ? 'approval' : 'denial'} ${shortClock(left)}`;
  return approvedByDefault ? `Approval in ${clock(left)}. (d)eny?` : `Denial in ${clock(left)}. (a)pprove?`;
}

/** What `0:04:59` and `364d 04h` fit into, and a space. */
const CLOCK_CELLS = 9;

/** A bar of what is left, and a countdown. */
function expiry(remaining: Remaining | undefined, width: number, glyphs: Glyphs): Line {
  if (!remaining) return [span(fit('-', width, glyphs, 'right'), 'faint')];
  const { ms, share, urgency } = remaining;
  return [
    ...gauge(share, Math.max(1, width - CLOCK_CELLS), urgency, glyphs),
    span(fit(clock(ms), CLOCK_CELLS, glyphs, 'right'), urgency === 'good' ? 'plain' : urgency),
  ];
}

/** A bar that is full to a share of it: of one that is not quite empty, something is seen. */
function gauge(share: number, width: number, look: Look, { bar, barEmpty }: Glyphs): Line {
  const parts = Math.ceil(share * width * bar.length);
  const whole = Math.floor(parts / bar.length);
  const part = bar[(parts % bar.length) - 1] ?? '';
  return [
    span((bar.at(-1) ?? '').repeat(whole) + part, look),
    span(barEmpty.repeat(width - whole - part.length), 'faint'),
  ];
}
