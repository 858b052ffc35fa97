import type { StoredClient } from '../client/store.js';
import { originalClient, originalSection } from './original-client.js';
import type { Picklable } from './pickle-writer.js';
import { writePickledPair } from './pickle-writer.js';
import { sealSecret } from './seal-secret.js';

export interface ExportedState {
  /** For the original's clients.pickle. */
  readonly bytes: Buffer;
  readonly exported: number;
  readonly disabled: readonly string[];
  readonly removed: readonly string[];
  /** Names that the original could not use, since clients.conf has never had them. */
  readonly skipped: readonly string[];
  /** Names of which the original will use the secret of clients.conf, and not the one set at run time. */
  readonly unsealed: readonly string[];
}

/**
 * This server's state as the original of version 1.8 keeps its own: a pair of what has become of each client, and of
 * what clients.conf said of each. A client that only the second has was removed.
 * @param secrets what clients.conf has now, by client; what is not there cannot hide a secret that was set at run time
 * @param nowMs milliseconds since the Unix epoch
 */
export async function exportState(
  stored: Iterable<StoredClient>,
  secrets: ReadonlyMap<string, Uint8Array>,
  nowMs: number,
): Promise<ExportedState> {
  const clients = new Map<string, Picklable>();
  const sections = new Map<string, Picklable>();
  const disabled: string[] = [];
  const removed: string[] = [];
  const skipped: string[] = [];
  const unsealed: string[] = [];
  for (const client of stored) {
    const { name, configured, overrides, state } = client;
    if (!configured) {
      skipped.push(name);
      continue;
    }
    sections.set(name, originalSection(configured));
    if (client.removed) {
      removed.push(name);
      continue;
    }
    if (!state.enabled) disabled.push(name);
    const known = secrets.get(name);
    if (overrides.secret && !known) unsealed.push(name);
    // Empty, it cannot be opened, and the original takes that of clients.conf.
    const sealed = overrides.secret && known ? await sealSecret(overrides.secret, known) : new Uint8Array();
    clients.set(name, originalClient(client, configured, sealed, nowMs));
  }
  const bytes = writePickledPair(clients, sections);
  return { bytes, exported: clients.size, disabled, removed, skipped, unsealed };
}
