import { getSystemErrorMap } from 'node:util';
import { matcher, piecesOf } from './document.js';
import type { Message } from './extract.js';

/** Uses that are no code: all others are said at level error, or at critical when a server cannot start. */
const LEVELS = new Set(['critical', 'error', 'warning', 'info', 'fault', 'reason']);
/** What is no message may be so long: names, addresses, a command. */
const UNKNOWN_WORDS = 6;
/** With fewer words of its own, a part of a message is no message. */
const TELLING_WORDS = 4;
/** And is not taken for a part of one. */
const PART_WORDS = 2;
/** What libraries say, which stands in no source of ours. */
const OF_LIBRARIES = ['No supported cipher suites have been found', 'A TLS fatal alert has been received'];
/** Where a fault of a configuration stands: `FILE:LINE: [SECTION] KEY: `. */
const PLACE = /^\S+?(?::\d+)?:(?: \[[^\]]*\]:?)?(?: \S+:)? /;

/**
 * Tells whether a program of these sources can have said a line: one of its messages has these words, and what
 * is left of it is made of other messages, or short.
 * @param messages of the sources
 * @returns for a line as it stands in a log or on a console, `PROGRAM: [LEVEL: ]MESSAGE`
 */
export function lineChecker(messages: readonly Message[]): (line: string) => boolean {
  const patterns = messages.map(({ pattern, use }) => ({ pattern, use, expression: matcher(pattern) }));
  const foreign = [...OF_LIBRARIES, ...Array.from(getSystemErrorMap().values(), ([, text]) => text)];
  const known = [...messages.map(({ pattern }) => pattern), ...foreign]
    .filter(pattern => wordsOf(pattern) >= PART_WORDS)
    .toSorted((one, other) => other.length - one.length);
  const isSaid = (text: string, uses: (use: string, pattern: string) => boolean) =>
    patterns.some(
      ({ pattern, use, expression }) =>
        uses(use, pattern) &&
        (expression.test(text) || (use === 'reason' && isAbout(pattern, text))) &&
        without(text, [...known, pattern]).every(rest => words(rest) <= UNKNOWN_WORDS),
    );
  return line => {
    const [, level = 'info', text = ''] = /^[a-z-]+: (?:(critical|error|warning): )?(.*)$/.exec(line) ?? [];
    if (isSaid(text, (use, pattern) => isSaidAt(use, pattern, level))) return true;
    const isFault = (level === 'error' || level === 'warning') && PLACE.test(text);
    return isFault && isSaid(text.replace(PLACE, ''), use => use === 'fault' || use === 'reason');
  };
}

function isSaidAt(use: string, pattern: string, level: string): boolean {
  if (use === 'reason') return level !== 'info' && wordsOf(pattern) >= TELLING_WORDS;
  return use === level || (!LEVELS.has(use) && (level === 'error' || level === 'critical'));
}

/** A part of a message often stands behind what it is about, and others behind it. */
function isAbout(pattern: string, text: string): boolean {
  return [text, text.replace(/^\S+: /, '')].some(each => matcher(`${pattern}…`).test(each));
}

function words(text: string): number {
  return text.split(/\s+/).filter(Boolean).length;
}

/** How many words a pattern has of its own. */
function wordsOf(pattern: string): number {
  return pattern.split(/[^\p{L}]+/u).filter(word => word.length > 1).length;
}

/** What is left of a text when the words of all patterns that are in it are taken out. */
function without(text: string, patterns: readonly string[]): string[] {
  let rests = [text];
  for (const pattern of patterns) {
    const pieces = piecesOf(pattern).filter(piece => /\p{L}/u.test(piece));
    if (pieces.every(piece => text.includes(piece))) {
      for (const piece of pieces) rests = rests.flatMap(rest => rest.split(piece));
    }
  }
  return rests;
}
