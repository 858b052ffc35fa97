import type { Line } from './cells.js';
import { cells, clean, fitLine, lineCells, span } from './cells.js';
import { approvalLeftMs } from './client-state.js';
import type { Glyphs, Look } from './looks.js';
import { layOut } from './layout.js';
import type { Model } from './model.js';
import { isLive, listing } from './model.js';
import { clock, timeOfDay } from './times.js';

/** Two ends of a line, with what is left between them; the right one goes when there is no room. */
function spread(left: Line, right: Line, width: number): Line {
  const space = width - lineCells(left) - lineCells(right);
  if (space < 1) return fitLine(left, width, left.at(-1)?.look);
  return [...left, span(' '.repeat(space), left.at(-1)?.look), ...right];
}

/** The first row: how many clients are in which state. */
export function drawBar(model: Model, width: number): Line {
  const { enabled, disabled, failing, pending } = listing(model).counts;
  const lively = (look: Look, count: number): Look => (count > 0 && isLive(model) ? look : 'bar');
  const left = [
    span(width < 60 ? ' Mandos ' : ' Mandos   ', 'barStrong'),
    span(`${enabled} enabled`, lively('barGood', enabled)),
    span(`   ${disabled} disabled   `, 'bar'),
    span(`${failing} failing`, lively('barBad', failing)),
    span('   ', 'bar'),
    span(`${pending} waiting${width < 90 ? '' : ' for approval'}`, lively('barCaution', pending)),
    span('  ', 'bar'),
  ];
  return spread(left, [span(`${timeOfDay(model.nowMs)} `, 'bar')], width);
}

/** What must not be overlooked. */
export function drawBanner(model: Model, width: number): Line {
  if (!isLive(model)) return fitLine([span(` ${goneText(model)}`, 'badBanner')], width);
  const { pending } = listing(model);
  const asks = pending.map(client => {
    const left = clock(approvalLeftMs(client, model.nowMs));
    return `${clean(client.name)} (${client.approvedByDefault ? 'approval' : 'denial'} in ${left})`;
  });
  const who =
    pending.length === 1 ? '1 client waits for approval' : `${pending.length} clients wait for approval`;
  return fitLine([span(` ${who}: `, 'alertBanner'), span(asks.join(', '), 'alertBanner')], width);
}

function goneText({ status, goneSinceMs, nowMs }: Model): string {
  const since = `since ${timeOfDay(goneSinceMs ?? nowMs)}`;
  if (status.kind === 'no-bus')
    return `No message bus ${since}. Last known state; reconnecting: ${clean(status.problem)}`;
  if (status.kind === 'refused') return `The server cannot be read: ${clean(status.problem)}`;
  if (status.kind === 'reading') return 'The Mandos server is back. Its clients are being read.';
  return `The Mandos server is gone ${since}. Last known state; waiting for it.`;
}

const HINTS = [
  ['?', 'help'],
  ['/', 'filter'],
  ['a', 'approve'],
  ['d', 'deny'],
  ['+', 'enable'],
  ['-', 'disable'],
  ['Enter', 'details'],
  ['q', 'quit'],
  ['o', 'sort'],
  ['l', 'log'],
  ['s', 'check now'],
  ['R', 'remove'],
] as const;

/** The last row: a question, what one types, what the last key did, or which keys there are. */
export function drawFooter(model: Model, width: number, glyphs: Glyphs): Line {
  const { mode, notice } = model;
  if (mode.kind === 'confirm')
    return fitLine(
      [
        span(` ${capitalised(mode.request.what)}? `, 'alertBanner'),
        span(' y: yes, any other key: no', 'strong'),
      ],
      width,
      'plain',
    );
  if (mode.kind === 'filter') {
    const help = 'Enter keeps it, Esc shows all';
    const cursor = span(' ', 'selected');
    return spread(
      [span(' Filter: ', 'strong'), span(clean(model.filter)), cursor],
      [span(`${help} `, 'faint')],
      width,
    );
  }
  if (notice) {
    const look = notice.isFault ? 'badBanner' : 'strong';
    return fitLine([span(` ${clean(notice.text)} `, look)], width, 'plain');
  }
  if (mode.kind === 'help') return fitLine([span(' ?', 'key'), span(' back   ', 'faint')], width, 'plain');
  return spread(
    hints(width - cells(position(model, glyphs)), !layOut(model).list),
    [span(position(model, glyphs), 'faint')],
    width,
  );
}

function hints(width: number, isListHidden: boolean): Line {
  const line: Line[] = [];
  let used = 0;
  for (const [key, text] of isListHidden ? [['Enter', 'back to the list'] as const, ...HINTS] : HINTS) {
    const hint = [span(` ${key}`, 'key'), span(` ${text} `, 'faint')];
    used += lineCells(hint);
    if (used > width - 1) break;
    line.push(hint);
  }
  return line.flat();
}

/** Which part of the list is seen. */
function position(model: Model, glyphs: Glyphs): string {
  const shown = listing(model).clients.length;
  const words = model.filter === '' ? '' : `"${clean(model.filter)}": ${shown} of `;
  const rows = layOut(model).list?.rows ?? Infinity;
  const all = model.filter === '' && shown <= rows - 1 ? '' : `${words}${model.clients.size} clients`;
  return all === '' ? '' : `${glyphs.vertical} ${all} `;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
