import type { ClientView } from '../mirror/client-view.js';
import type { Line, Span } from './cells.js';
import { clean, fit, lineCells, span, wrap } from './cells.js';
import { remainingTime, stateOf } from './client-state.js';
import type { Pane } from './layout.js';
import type { Glyphs, Look } from './looks.js';
import type { Model } from './model.js';
import { isLive } from './model.js';
import { stateText } from './table.js';
import { age, clock, dateTime, timeOfDay } from './times.js';

/** From this width on, short properties stand two in a line. */
const TWO_IN_A_LINE_FROM = 70;

const LABEL_CELLS = 18;

type Property = readonly [label: string, value: string, look?: Look | undefined];

const STATE_LOOKS = { pending: 'pending', failing: 'bad', enabled: 'good', disabled: 'faint' } as const;

/** All properties of the selected client and what has happened to it lately. */
export function drawDetails(model: Model, pane: Pane, glyphs: Glyphs): Line[] {
  const client = model.selected === undefined ? undefined : model.clients.get(model.selected);
  if (!client) return [];
  const state = stateOf(client);
  const weak: Look | undefined = isLive(model) ? undefined : 'faint';
  const lines: Line[] = [
    [
      span(`${clean(client.name)}  `, weak ?? 'strong'),
      span(stateText(client, model.nowMs, pane.columns), weak ?? STATE_LOOKS[state]),
    ],
    [],
    ...long(longProperties(client), pane.columns, weak),
    ...short(shortProperties(model, client), pane.columns, glyphs, weak),
    [],
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

function shortProperties({ journal, nowMs }: Model, client: ClientView): Property[] {
  const remaining = remainingTime(client, nowMs);
  const released = journal.releases.get(client.path);
  const yesNo = (flag: boolean) => (flag ? 'yes' : 'no');
  return [
    ['Enabled', yesNo(client.enabled)],
    ['Last enabled', dateTime(client.lastEnabledMs)],
    ['Expires in', remaining ? clock(remaining.ms) : '-', remaining?.urgency],
    ['Expires', dateTime(client.expiresMs)],
    ['Timeout', clock(client.timeoutMs)],
    ['Extended timeout', clock(client.extendedTimeoutMs)],
    ['Interval', clock(client.intervalMs)],
    ['Checker running', yesNo(client.checkerRunning)],
    ['Checker status', ...checkerStatus(client.lastCheckerStatus)],
    ['Last checked OK', dateTime(client.lastCheckedOkMs)],
    ['Approval pending', yesNo(client.approvalPending), client.approvalPending ? 'pending' : undefined],
    ['Last request', dateTime(client.lastApprovalRequestMs)],
    ['By default', client.approvedByDefault ? 'approved' : 'denied'],
    ['Approval delay', clock(client.approvalDelayMs)],
    ['Approval lasts', clock(client.approvalDurationMs)],
    ['Created', dateTime(client.createdMs)],
    ['Last release', dateTime(released)],
    ['Released', released === undefined ? '-' : `${age(released, nowMs)} ago`],
  ];
}

function checkerStatus(status: number): [string, Look | undefined] {
  if (status === -2) return ['none has ended yet', undefined];
  if (status === -1) return ['crashed', 'bad'];
  return status === 0 ? ['0 (success)', 'good'] : [`${status} (failure)`, 'bad'];
}

/** One below the other, over as many lines as each needs. */
function long(properties: readonly Property[], width: number, weak: Look | undefined): Line[] {
  const label = width >= TWO_IN_A_LINE_FROM ? LABEL_CELLS : 13;
  return properties.flatMap(([name, value]) =>
    wrap(clean(value), Math.max(1, width - label)).map((text, i) => [
      span((i === 0 ? name : '').padEnd(label), 'faint'),
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
