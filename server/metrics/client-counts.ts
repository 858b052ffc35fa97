import type { Client } from '../client/client.js';
import type { ClientEvent } from '../client/events.js';
import { hasFailed } from '../client/expiring.js';

/** What a client may be; more than one of these at once, but it is either enabled or disabled. */
export type ClientState = 'enabled' | 'disabled' | 'failing' | 'pending_approval';

/** How many clients there are in each state, counted as they change: 100,000 are not looked at for each scrape. */
export class ClientCounts {
  readonly #counts: Record<ClientState, number> = {
    enabled: 0,
    disabled: 0,
    failing: 0,
    pending_approval: 0,
  };

  /** @param clients as they are before the first event */
  constructor(clients: Iterable<Client>) {
    for (const client of clients) this.#count(client, 1);
  }

  get counts(): Readonly<Record<ClientState, number>> {
    return this.#counts;
  }

  hear(event: ClientEvent): void {
    if (event.kind === 'changed') {
      this.#count(event.before, -1);
      this.#count(event.client, 1);
    } else if (event.kind === 'added') this.#count(event.client, 1);
    else if (event.kind === 'removed') this.#count(event.client, -1);
  }

  #count(client: Client, by: 1 | -1): void {
    const counts = this.#counts;
    if (client.enabled) {
      counts.enabled += by;
      if (hasFailed(client)) counts.failing += by;
    } else counts.disabled += by;
    if (client.pendingApprovals > 0) counts.pending_approval += by;
  }
}
