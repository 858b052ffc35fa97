import { writeSync } from 'node:fs';
import type { LogSink } from '../../common/log.js';

const STANDARD_ERROR = 2;

/** The last line of the prompt that somebody is asked with now; undefined when nobody is. */
let shown: string | undefined;

/** Asks with a text, of which the last line stays until hidePrompt(). */
export function showPrompt(text: string): void {
  shown = text.slice(text.lastIndexOf('\n') + 1);
  print(text);
}

/** What was typed has ended: the next line begins below the prompt. */
export function hidePrompt(): void {
  if (shown !== undefined) print('\n');
  shown = undefined;
}

/** Lines that take the prompt's place; the prompt comes again below. What has been typed stays with the terminal. */
export function aroundPrompt(sink: LogSink): LogSink {
  return {
    write(level, line) {
      if (shown !== undefined) print(`\r${' '.repeat(shown.length)}\r`);
      sink.write(level, line);
      if (shown !== undefined) print(shown);
    },
  };
}

/** The prompt is for people: standard output is for the password. */
function print(text: string): void {
  try {
    writeSync(STANDARD_ERROR, text);
  } catch {
    // Nobody to see it; what is typed blindly still counts.
  }
}
