import type { ClientView } from '../mirror/client-view.js';
import type { Line, Span } from './cells.js';
import { clean, fit, lineCells, span, wrap } from './cells.js';
import { remainingTime, stateOf } from './client-state.js';
import type { Pane } from './layout.js';
import type { Glyphs, Look } from './looks.js';
import type { Model } from './model.js';
import { isLive } from './model.js';
import { stateText } from './table.js';
import { clock, dateTime, timeOfDay } from './times.js';

/** From this width on, short properties stand two in a line. */
const TWO_IN_A_LINE_FROM = 70;

const LABEL_CELLS = 18;

/** Of events at least so many lines are seen before lines are left empty. */
const MIN_EVENT_ROWS = 6;

type Property = readonly [label: string, value: string, look?: Look | undefined];

const STATE_LOOKS = { pending: 'pending', failing: 'bad', enabled: 'good', disabled: 'faint' } as const;

/** All properties of the selected client and what has happened to it lately. */
export function drawDetails(model: Model, pane: Pane, glyphs: Glyphs): Line[] {
  const client = model.selected === undefined ? undefined : model.clients.get(model.selected);
  if (!client) return [];
  const weak: Look | undefined = isLive(model) ? undefined : 'faint';
  const title = [
    span(`${clean(client.name)}  `, weak ?? 'strong'),
    span(stateText(client, model.nowMs, pane.columns), weak ?? STATE_LOOKS[stateOf(client)]),
  ];
  const groups = [
    long(longProperties(client), pane.columns, weak),
    ...shortProperties(model, client).map(group => short(group, pane.columns, glyphs, weak)),
  ];
  const used = groups.flat().length + groups.length + 3;
  // Where there is room, an empty line between two groups.
  const between = used + MIN_EVENT_ROWS <= pane.rows ? [[]] : [];
  const lines = [
    title,
    [],
    ...groups.flatMap(group => [...group, ...between]),
    ...(between.length > 0 ? [] : [[]]),
    [span('Recent events', 'heading')],
  ];
  return [...lines, ...events(model, client, pane.columns, pane.rows - lines.length)];
}

function longProperties({ host, checker, keyId, fingerprint, path }: ClientView): Property[] {
  return [
    ['Host', host || '-'],
    ['Checker', checker || '-'],
    ['Key ID', keyId || '-'],
    ['Fingerprint', fingerprint || '-'],
    ['Object path', path],
  ];
}

/** In groups of an even number, of which two can stand in a line. */
function shortProperties({ journal, nowMs }: Model, client: ClientView): Property[][] {
  const remaining = remainingTime(client, nowMs);
  const released = journal.releases.get(client.path);
  const yesNo = (flag: boolean) => (flag ? 'yes' : 'no');
  return [
    [
      ['Enabled', yesNo(client.enabled)],
      ['Last enabled', dateTime(client.lastEnabledMs)],
      ['Expires in', remaining ? clock(remaining.ms) : '-', remaining?.urgency],
      ['Expires', dateTime(client.expiresMs)],
      ['Timeout', clock(client.timeoutMs)],
      ['Extended timeout', clock(client.extendedTimeoutMs)],
    ],
    [
      ['Checker running', yesNo(client.checkerRunning)],
      ['Interval', clock(client.intervalMs)],
      ['Checker status', ...checkerStatus(client.lastCheckerStatus)],
      ['Last checked OK', dateTime(client.lastCheckedOkMs)],
    ],
    [
      ['Approval pending', yesNo(client.approvalPending), client.approvalPending ? 'pending' : undefined],
      ['Last request', dateTime(client.lastApprovalRequestMs)],
      ['By default', client.approvedByDefault ? 'approved' : 'denied'],
      ['Approval delay', clock(client.approvalDelayMs)],
      ['Approval lasts', clock(client.approvalDurationMs)],
      ['Last release', dateTime(released)],
    ],
    [['Created', dateTime(client.createdMs)]],
  ];
}

function checkerStatus(status: number): [string, Look | undefined] {
  if (status === -2) return ['none has ended yet', undefined];
  if (status === -1) return ['crashed', 'bad'];
  return status === 0 ? ['0 (success)', 'good'] : [`${status} (failure)`, 'bad'];
}

/** One below the other, over as many lines as each needs. */
function long(properties: readonly Property[], width: number, weak: Look | undefined): Line[] {
  return properties.flatMap(([name, value]) =>
    wrap(clean(value), Math.max(1, width - LABEL_CELLS)).map((text, i) => [
      span((i === 0 ? name : '').padEnd(LABEL_CELLS), 'faint'),
      span(text, weak),
    ]),
  );
}

function short(
  properties: readonly Property[],
  width: number,
  glyphs: Glyphs,
  weak: Look | undefined,
): Line[] {
  const one = ([name, value, look]: Property, cells: number): Span[] => [
    span(fit(name, LABEL_CELLS, glyphs), 'faint'),
    span(fit(value, Math.max(1, cells - LABEL_CELLS), glyphs), weak ?? look),
  ];
  if (width < TWO_IN_A_LINE_FROM) return properties.map(property => one(property, width));
  const half = Math.floor(width / 2);
  return properties.flatMap((property, i) => {
    const next = properties[i + 1];
    return i % 2 === 1 ? [] : [[...one(property, half), ...(next ? one(next, half) : [])]];
  });
}

function events({ journal }: Model, { path }: ClientView, width: number, rows: number): Line[] {
  const entries = journal.byClient.get(path) ?? [];
  if (entries.length === 0) return [[span('none since this program was started', 'faint')]];
  const lines = entries.toReversed().flatMap(({ atMs, text, look }) => {
    const start = span(`${timeOfDay(atMs)}  `, 'faint');
    const [first = '', ...rest] = wrap(text, Math.max(1, width - lineCells([start])));
    return [
      [start, span(first, look)],
      ...rest.map(line => [span(' '.repeat(lineCells([start]))), span(line, look)]),
    ];
  });
  return lines.slice(0, Math.max(0, rows));
}
