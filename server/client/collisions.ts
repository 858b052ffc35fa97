import { clientObjectPath } from './object-path.js';
import type { ClientSettings } from './settings.js';

/** Who is known already, by what no two clients may share. Each gives a name. */
export interface Identities {
  byKeyId(keyId: string): string | undefined;
  byPath(path: string): string | undefined;
}

/** The identities of these clients. */
export function identitiesOf(clients: Iterable<ClientSettings>): Identities {
  const byKeyId = new Map<string, string>();
  const byPath = new Map<string, string>();
  for (const { name, keyId } of clients) {
    if (keyId !== undefined) byKeyId.set(keyId, name);
    byPath.set(clientObjectPath(name), name);
  }
  return { byKeyId: keyId => byKeyId.get(keyId), byPath: path => byPath.get(path) };
}

/**
 * What keeps a client from standing beside others that have other names.
 * @returns a text to stand behind its name; undefined when there is nothing
 */
export function findCollision(
  { name, keyId }: Pick<ClientSettings, 'name' | 'keyId'>,
  others: Identities,
): string | undefined {
  const sameKey = keyId === undefined ? undefined : others.byKeyId(keyId);
  if (sameKey !== undefined && sameKey !== name) return `has the same key ID as ${sameKey}`;
  const samePath = others.byPath(clientObjectPath(name));
  return samePath !== undefined && samePath !== name ? `has the same D-Bus path as ${samePath}` : undefined;
}
