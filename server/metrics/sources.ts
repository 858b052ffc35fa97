import type { Client } from '../client/client.js';
import type { ClientEvents } from '../client/events.js';

/** What the listener says of its connections. */
export interface ConnectionCounts {
  /** Now. */
  readonly connections: number;
  /** Since the start. */
  readonly admitted: number;
  /** Since the start, by code. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Where the numbers come from. Functions are asked at each scrape and must be quick. */
export interface MetricSources {
  readonly version: string;
  readonly clients: Iterable<Client> & { readonly events: Pick<ClientEvents, 'subscribe'> };
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
  /** When the first client's time is up, in milliseconds since the Unix epoch; Infinity when none expires. */
  nextExpiryMs(): number;
  /** How many clients have less time left than they should. */
  expiringSoon(): number;
  /** Whether the state could be stored when that was last tried. */
  isStored(): boolean;
  /** What became of the events that hooks were to hear of. */
  alerts(): Readonly<Record<'delivered' | 'failed' | 'dropped', number>>;
  /** Without it there are no series of connections. */
  connections?(): ConnectionCounts;
}
