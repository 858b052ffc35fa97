import { printable } from './log.js';
import { wrap } from './wrap.js';

/**
 * How a condition of a release stands: it is met; it is not; it will not be met for long; it is met, and there is
 * something to say of it; or nobody could tell.
 */
export type Mark = 'ok' | 'problem' | 'soon' | 'note' | 'unknown';

/** What `--explain` says of one condition. Nothing secret. */
export interface Finding {
  readonly mark: Mark;
  /** A part of a sentence, without a full stop. */
  readonly text: string;
  /** What to do, as a part of a sentence. */
  readonly advice?: string | undefined;
}

/** Conditions that belong together. */
export interface Chapter {
  readonly title: string;
  readonly findings: readonly Finding[];
}

export const ok = (text: string, advice?: string): Finding => ({ mark: 'ok', text, advice });
export const note = (text: string, advice?: string): Finding => ({ mark: 'note', text, advice });
export const problem = (text: string, advice: string): Finding => ({ mark: 'problem', text, advice });
export const soon = (text: string, advice: string): Finding => ({ mark: 'soon', text, advice });
export const unknown = (text: string, advice?: string): Finding => ({ mark: 'unknown', text, advice });

const WORDS: Record<Mark, string> = {
  ok: 'ok',
  problem: 'PROBLEM',
  soon: 'soon',
  note: 'note',
  unknown: '?',
};
const COLOURS: Record<Mark, string> = {
  ok: '\x1b[32m',
  problem: '\x1b[1;31m',
  soon: '\x1b[33m',
  note: '\x1b[33m',
  unknown: '\x1b[33m',
};
/** Behind two spaces of indentation and the longest mark. */
const TEXT_COLUMN = 11;
/** Before what to do. */
const ARROW = '-> ';
/** What a terminal of an initramfs shows. */
const WIDTH = 80;

/** One chapter for people: its title, and each condition with its mark, in lines of a terminal. */
export function formatChapter({ title, findings }: Chapter, colours: boolean): string {
  if (findings.length === 0) return '';
  const indent = ' '.repeat(TEXT_COLUMN);
  const lines = findings.flatMap(({ mark, text, advice }) => {
    const word = WORDS[mark].padEnd(TEXT_COLUMN - 2);
    const [first = '', ...rest] = wrap(printable(text), WIDTH - TEXT_COLUMN);
    const todo = wrap(printable(advice ?? ''), WIDTH - TEXT_COLUMN - ARROW.length).map(
      (line, i) => (i === 0 ? ARROW : ' '.repeat(ARROW.length)) + line,
    );
    const shown = colours ? `${COLOURS[mark]}${word}\x1b[0m` : word;
    return [
      `  ${shown}${first}`,
      ...[...rest, ...(advice === undefined ? [] : todo)].map(line => indent + line),
    ];
  });
  return `${colours ? `\x1b[1m${title}\x1b[0m` : title}\n${lines.join('\n')}\n`;
}

/** Whether anything stands in the way, now or soon. */
export function isInTheWay({ mark }: Finding): boolean {
  return mark === 'problem' || mark === 'soon';
}

/** The last sentence: what stands in the way first, and what to do. */
export function conclude(findings: readonly Finding[]): string {
  const sentence = (start: string, { text, advice = '' }: Finding) =>
    fill(`${start}: ${text}; ${advice}${advice.endsWith('?') ? '' : '.'}`);
  const now = findings.find(({ mark }) => mark === 'problem');
  if (now) return sentence('First in the way', now);
  const later = findings.find(({ mark }) => mark === 'soon');
  if (later) return sentence('Nothing is in the way yet, but soon', later);
  const open = findings.filter(({ mark }) => mark === 'unknown').length;
  const rest = open === 0 ? '' : ` of what could be looked at; what has a "?" is not known`;
  return fill(`Nothing is in the way${rest}.`);
}

/** A text in lines of a terminal. */
export function fill(text: string): string {
  return `${wrap(printable(text), WIDTH).join('\n')}\n`;
}
