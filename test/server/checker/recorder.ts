import type { Log } from '../../../common/log.js';
import { createLog } from '../../../common/log.js';
import { DEFAULT_WAIT_MS } from '../../support/child.js';

/** A log of all levels, or less, and its lines as `level: text`. */
export function recorder(level: 'info' | 'debug' = 'debug') {
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  const sink = {
    write(of: string, line: string) {
      lines.push(`${of}: ${line}`);
      for (const watcher of watchers) watcher();
    },
  };
  const log: Log = createLog(sink, level);
  /** Resolves with the first line, past or future, that matches. */
  const waitForLine = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const late = () => reject(new Error(`no line matches ${pattern}; there are:\n${lines.join('\n')}`));
      const timer = setTimeout(late, DEFAULT_WAIT_MS);
      const look = () => {
        const line = lines.find(each => pattern.test(each));
        if (line === undefined) return;
        clearTimeout(timer);
        watchers.delete(look);
        resolve(line);
      };
      watchers.add(look);
      look();
    });
  return { log, lines, waitForLine };
}
