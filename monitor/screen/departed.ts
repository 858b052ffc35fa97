import type { ClientView } from '../mirror/client-view.js';
import type { Clients } from './listing.js';

/**
 * A server that is stopped takes its clients off the bus, one after the other, before it goes itself. No pause between
 * two of them, or after the last, is longer than this.
 */
const STOPPING_MS = 10_000;

/** Clients that went one soon after the other: by an operator's wish, or because their server is being stopped. */
export interface Departed {
  readonly clients: Clients;
  readonly lastMs: number;
}

/** What has gone lately, after another state of a server that is there. */
export function noteDeparted(
  departed: Departed | undefined,
  before: Clients,
  after: Clients,
  nowMs: number,
): Departed | undefined {
  const gone = [...before].filter(([path]) => !after.has(path));
  const recent = departed && nowMs - departed.lastMs <= STOPPING_MS ? departed : undefined;
  if (gone.length === 0) return recent;
  return { clients: new Map<string, ClientView>([...(recent?.clients ?? []), ...gone]), lastMs: nowMs };
}

/** The clients of a server that is gone now, with those that it took off the bus when it went. */
export function lastKnown(clients: Clients, departed: Departed | undefined, nowMs: number): Clients {
  if (!departed || nowMs - departed.lastMs > STOPPING_MS) return clients;
  return new Map([...departed.clients, ...clients]);
}
