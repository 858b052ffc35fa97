import { UsageError } from '../../common/cli.js';
import { DEFAULT_SECTION } from '../../common/config-file.js';

/**
 * A name that can stand in a section header and as a value of clients.conf, whose % begins an expansion.
 * @returns the name without white space around it
 * @throws UsageError
 */
export function checkClientName(text: string): string {
  const name = text.trim();
  const refused = (why: string) =>
    new UsageError(`--name: ${JSON.stringify(text)} cannot name a section of clients.conf: ${why}`);
  if (name === DEFAULT_SECTION) throw refused('what stands there holds for every client; use another name');
  if (name === '' || /[[\]%\p{Cc}]/u.test(name)) {
    throw refused('use a name without [, ], % and control characters');
  }
  return name;
}
