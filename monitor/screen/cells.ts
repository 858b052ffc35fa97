import { printable } from '../../common/log.js';
import type { Glyphs, Look, Palette } from './looks.js';

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly look: Look;
}

/** A line of the screen. */
export type Line = readonly Span[];

export function span(text: string, look: Look = 'plain'): Span {
  return { text, look };
}

/** East Asian characters that take two cells (Unicode Standard Annex 11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/g;

/** Terminals disagree on how wide these are. */
const UNSURE = /[\p{M}\p{Cf}\p{Cs}\p{Co}\p{Cn}]|[\u{10000}-\u{10ffff}]/gu;

const IS_ASCII = /^[\x20-\x7e]*$/;

/** Text from elsewhere as it can be put into a line: of characters that have a known width, and no control ones. */
export function clean(text: string): string {
  return IS_ASCII.test(text) ? text : printable(text.normalize('NFC')).replace(UNSURE, '?');
}

/** How many cells a clean text takes. */
export function cells(text: string): number {
  return IS_ASCII.test(text) ? text.length : text.length + (text.match(WIDE)?.length ?? 0);
}

/** The beginning of a text that fits into so many cells. */
function take(text: string, width: number): string {
  if (cells(text) <= width) return text;
  if (IS_ASCII.test(text)) return text.slice(0, Math.max(0, width));
  let taken = '';
  let used = 0;
  for (const character of text) {
    used += cells(character);
    if (used > width) break;
    taken += character;
  }
  return taken;
}

/** A text in exactly so many cells: with an ellipsis where it is too long. */
export function fit(text: string, width: number, glyphs: Glyphs, align: 'left' | 'right' = 'left'): string {
  const used = cells(text);
  if (used > width) {
    const start = take(text, width - 1);
    return width <= 0 ? '' : start + glyphs.ellipsis.repeat(width - cells(start));
  }
  const space = ' '.repeat(width - used);
  return align === 'left' ? text + space : space + text;
}

/** A line in exactly so many cells. @param look of what is filled up; default: as the last piece */
export function fitLine(line: Line, width: number, look?: Look): Line {
  const fitted: Span[] = [];
  let left = width;
  for (const piece of line) {
    const text = take(piece.text, left);
    left -= cells(text);
    if (text !== '') fitted.push({ text, look: piece.look });
    if (text !== piece.text) break;
  }
  if (left > 0) fitted.push(span(' '.repeat(left), look ?? line.at(-1)?.look));
  return fitted;
}

/** The cells that a line takes. */
export function lineCells(line: Line): number {
  return line.reduce((sum, { text }) => sum + cells(text), 0);
}

/** A line all of one look. */
export function inLook(line: Line, look: Look): Line {
  return line.map(({ text }) => ({ text, look }));
}

/** A text in lines of so many cells at most, broken at spaces where there are some. @param indent of all but the first */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let rest = text;
  let start = '';
  while (cells(start + rest) > width) {
    const room = Math.max(1, width - start.length);
    const taken = take(rest, room) || rest.slice(0, 1);
    const space = taken.lastIndexOf(' ');
    const atWord = rest[taken.length] === ' ' ? taken.length : space > room / 2 ? space : taken.length;
    lines.push(start + rest.slice(0, atWord));
    rest = rest.slice(atWord).trimStart();
    start = width > 2 * indent.length ? indent : '';
  }
  if (rest !== '' || lines.length === 0) lines.push(start + rest);
  return lines;
}

/** A line as the bytes that show it. */
export function paint(line: Line, { palette, glyphs }: { palette: Palette; glyphs: Glyphs }): string {
  let painted = '';
  for (const { text, look } of line) {
    const shown = glyphs.unicode || IS_ASCII.test(text) ? text : asciiOnly(text);
    painted += palette[look] === '' ? shown : `\x1b[${palette[look]}m${shown}\x1b[m`;
  }
  return painted;
}

function asciiOnly(text: string): string {
  return text.replace(WIDE, '??').replace(/[^\x20-\x7e]/g, '?');
}
