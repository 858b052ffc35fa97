import type { Readable } from 'node:stream';

/** How much of an output is logged: an error message, not a file that the checker copies out. */
const OUTPUT_MAX_CHARS = 4_096;

/** Passes on a process's output line by line, as far as the limit; all of it is read, so that its writer never waits. */
export function logLines(output: Readable, log: (line: string) => void): void {
  let left = OUTPUT_MAX_CHARS;
  let unfinished = '';
  const flush = () => {
    if (unfinished !== '') log(unfinished);
    unfinished = '';
  };
  output.setEncoding('utf8');
  output.on('data', (text: string) => {
    if (left === 0) return;
    const lines = (unfinished + text.slice(0, left)).split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) log(line);
    left = Math.max(0, left - text.length);
    if (left > 0) return;
    flush();
    log('(its further output is not logged)');
  });
  output.on('end', flush);
  output.on('error', flush);
}
