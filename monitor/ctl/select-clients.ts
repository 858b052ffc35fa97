import { MandosError } from '../../common/errors.js';
import { closestWord } from '../../common/suggest.js';
import type { PropertyValues } from '../mirror/client-view.js';
import { plainText } from './columns.js';
import type { Selection } from './request.js';

/** A client as the server tells of it. */
export interface ListedClient {
  readonly name: string;
  readonly path: string;
  readonly properties: PropertyValues;
}

/** @param clients by object path */
export function listClients(clients: ReadonlyMap<string, PropertyValues>): ListedClient[] {
  return Array.from(clients, ([path, properties]) => ({
    name: plainText(properties.get('Name')) || path,
    path,
    properties,
  }));
}

/**
 * The clients that are meant: all in the server's order, or those of the names in theirs.
 * @throws MandosError NO_CLIENT that names all that the server does not have
 */
export function selectClients(clients: readonly ListedClient[], selection: Selection): ListedClient[] {
  if (selection === 'all') return [...clients];
  const byName = new Map(clients.map(client => [client.name, client]));
  const selected: ListedClient[] = [];
  const unknown: string[] = [];
  for (const name of selection.names) {
    const client = byName.get(name);
    if (client) selected.push(client);
    else unknown.push(name);
  }
  if (unknown.length === 0) return selected;
  const what = unknown.length === 1 ? 'no such client' : 'no such clients';
  const near = unknown.length === 1 ? closestWord(unknown[0] ?? '', byName.keys()) : undefined;
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  throw new MandosError('NO_CLIENT', `${what} on the server: ${unknown.join(', ')}${hint}`);
}
