import type { PropertyValues } from '../mirror/client-view.js';
import { COLUMNS } from './columns.js';

/**
 * Clients as JSON, an object by client name: to the byte what the original's `--dump-json` prints. Characters beyond
 * ASCII are escaped, so that it is the same in any locale.
 * @returns the text in chunks
 */
export function* dumpClients(clients: readonly PropertyValues[]): Generator<string> {
  if (clients.length === 0) {
    yield '{}\n';
    return;
  }
  yield '{\n';
  // Of several clients with one name, which no server has, all are shown.
  for (const [i, client] of clients.entries()) {
    const name = json(client.get('Name'));
    const members = COLUMNS.filter(({ property }) => client.has(property)).map(
      ({ property }) => `        ${json(property)}: ${json(client.get(property))}`,
    );
    yield `    ${name}: {\n${members.join(',\n')}\n    }${i < clients.length - 1 ? ',' : ''}\n`;
  }
  yield '}\n';
}

/** A value as JSON in ASCII; 64-bit integers with all their digits. */
export function json(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  return (JSON.stringify(value) ?? 'null').replace(
    /[\x7f-\uffff]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
