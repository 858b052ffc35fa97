import type { LogSink } from '../../common/log.js';
import { printable } from '../../common/log.js';

/** What begins a line on the console, where the kernel and everybody else write too. */
const PREFIX = 'mandos: ';

/**
 * Lines for a console on which somebody may be asked for a password meanwhile: a line takes the prompt's place, and
 * the prompt comes again below it. What has been typed is not shown by askpass, and stays with the terminal.
 * @param prompt what stands on the console's last line now; undefined when nobody asks
 */
export function consoleSink(prompt: () => string | undefined, write: (text: string) => void): LogSink {
  return {
    write(level, line) {
      const text = `${PREFIX}${level === 'info' ? '' : `${level}: `}${line}`;
      const asked = prompt();
      if (asked === undefined) write(`${text}\n`);
      else {
        const shown = printable(asked);
        write(`\r${text.padEnd(shown.length)}\n${shown}`);
      }
    },
  };
}
