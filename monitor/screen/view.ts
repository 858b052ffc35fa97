import { drawBanner, drawBar, drawFooter } from './bars.js';
import type { Line } from './cells.js';
import { clean, fitLine, span, wrap } from './cells.js';
import { drawDetails } from './details.js';
import { helpLines } from './help.js';
import type { Layout } from './layout.js';
import { layOut } from './layout.js';
import { logLines } from './log-lines.js';
import type { Glyphs } from './looks.js';
import type { Model } from './model.js';
import { drawTable } from './table.js';

/** The screen: `size.rows` lines of `size.columns` cells. Pure. */
export function view(model: Model, glyphs: Glyphs): Line[] {
  const { columns, rows } = model.size;
  const layout = layOut(model);
  const lines = [drawBar(model, columns)];
  if (layout.banner) lines.push(drawBanner(model, columns));
  lines.push(...body(model, layout, glyphs, rows - 1 - lines.length));
  const footer = drawFooter(model, columns, glyphs);
  return [...lines.slice(0, Math.max(0, rows - 1)), footer].slice(-rows).map(line => fitLine(line, columns));
}

function body(model: Model, layout: Layout, glyphs: Glyphs, rows: number): Line[] {
  const { columns } = model.size;
  if (model.mode.kind === 'help') {
    const lines = helpLines(columns);
    const top = Math.max(0, Math.min(model.mode.top, lines.length - rows));
    return filled(lines.slice(top, top + rows), rows);
  }
  if (model.clients.size === 0) return filled(emptyScreen(model), rows);
  if (!layout.list) return filled(layout.details ? drawDetails(model, layout.details, glyphs) : [], rows);
  const left = filled(drawTable(model, layout.list, glyphs), layout.list.rows);
  if (layout.log) {
    const text = rule(model, layout.list.columns, glyphs);
    left.push([span(text, 'rule')], ...drawLog(model, layout.log));
  }
  if (!layout.details) return filled(left, rows);
  const right = drawDetails(model, layout.details, glyphs);
  const width = layout.details.left - 2;
  return filled(left, rows).map((line, i) => [
    ...fitLine(line, width, 'plain'),
    span(`${glyphs.vertical} `, 'rule'),
    ...(right[i] ?? []),
  ]);
}

function filled(lines: readonly Line[], rows: number): Line[] {
  return Array.from({ length: Math.max(0, rows) }, (_, i) => lines[i] ?? [span('')]);
}

/** The line above the log says what the log is like. */
function rule(model: Model, width: number, glyphs: Glyphs): string {
  const { verbose, wrap: wraps, back } = model.log;
  const words = [
    'log',
    ...(model.focus === 'log' ? ['Tab: back to the clients'] : []),
    ...(verbose ? ['all checks'] : []),
    ...(wraps ? [] : ['lines cut']),
    ...(back > 0 ? [`${back} newer lines below`] : []),
  ];
  const title = `${glyphs.horizontal.repeat(2)} ${words.join(', ')} `;
  return title + glyphs.horizontal.repeat(Math.max(0, width - title.length));
}

function drawLog(model: Model, pane: { columns: number; rows: number }): Line[] {
  const lines = logLines(model, pane.columns);
  const end = Math.max(Math.min(pane.rows, lines.length), lines.length - model.log.back);
  return filled(lines.slice(Math.max(0, end - pane.rows), end), pane.rows);
}

/** What to say while there is nothing to show, and what to do about it. */
function emptyScreen(model: Model): Line[] {
  const [title, ...texts] = emptyTexts(model);
  const width = Math.max(10, Math.min(76, model.size.columns - 4));
  return [
    [],
    [span(`  ${title ?? ''}`, 'strong')],
    [],
    ...texts.flatMap(text => wrap(text, width).map(line => [span(`  ${line}`)])),
  ];
}

function emptyTexts({ status }: Model): string[] {
  switch (status.kind) {
    case 'connecting':
      return ['Connecting to the message bus.'];
    case 'reading':
      return ['The Mandos server is there. Its clients are being read.'];
    case 'no-bus':
      return [
        'There is no D-Bus message bus.',
        clean(status.problem),
        'Start it (systemctl start dbus), or set DBUS_SYSTEM_BUS_ADDRESS. It is tried again all the time.',
      ];
    case 'no-server':
      return [
        'The Mandos server is not running, or runs without D-Bus.',
        'Start it (systemctl start mandos). If it runs, see whether it was given --no-dbus, or use_dbus = False in mandos.conf.',
        'This screen comes to life when the server does.',
      ];
    case 'refused':
      return ['The Mandos server cannot be read.', clean(status.problem), 'It is tried again all the time.'];
    case 'live':
      return [
        'The Mandos server has no clients.',
        'On a client, mandos-keygen --password prints its section for clients.conf.',
      ];
  }
}
