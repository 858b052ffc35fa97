import type { ClientView } from '../mirror/client-view.js';
import type { Counts } from './client-state.js';
import { CLIENT_STATES, countStates, stateOf } from './client-state.js';

/** What the list can be sorted by: its columns. */
export const SORT_KEYS = ['name', 'state', 'host', 'expires', 'checked', 'released'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Order {
  readonly key: SortKey;
  readonly descending: boolean;
}

export type Clients = ReadonlyMap<string, ClientView>;

/** When clients received their secrets, by path; as far as it was seen. */
export type Releases = ReadonlyMap<string, number>;

export interface Listing {
  /** Those that are shown, in their order. */
  readonly clients: readonly ClientView[];
  /** Place of each, by path. */
  readonly places: ReadonlyMap<string, number>;
  /** Of all clients, shown or not. */
  readonly counts: Counts;
  /** Of all clients: those who wait for approval, the one that waits longest first. */
  readonly pending: readonly ClientView[];
}

interface Cached {
  readonly filter: string;
  readonly order: Order;
  readonly releases: Releases;
  readonly listing: Listing;
}

/** Thousands of clients are sorted once for each change of them, not for each key. */
const cache = new WeakMap<Clients, Cached>();

/**
 * The clients as they are listed: those who wait for approval are always on top, and then they are sorted.
 * @param filter words that must all be in a client's name, host or key ID, or begin its state; of those who wait, none
 *   is hidden
 */
export function listClients(clients: Clients, filter: string, order: Order, releases: Releases): Listing {
  const cached = cache.get(clients);
  if (cached?.filter === filter && cached.order === order && cached.releases === releases)
    return cached.listing;
  const all = [...clients.values()];
  const shown = all.filter(matcher(filter)).toSorted(comparison(order, releases));
  const listing = {
    clients: shown,
    places: new Map(shown.map(({ path }, place) => [path, place])),
    counts: cached?.listing.counts ?? countStates(all),
    pending:
      cached?.listing.pending ??
      all
        .filter(({ approvalPending }) => approvalPending)
        .toSorted((a, b) => (a.lastApprovalRequestMs ?? 0) - (b.lastApprovalRequestMs ?? 0)),
  };
  cache.set(clients, { filter, order, releases, listing });
  return listing;
}

/** Shorter words would be found in most key IDs by chance. */
const KEY_ID_WORD = /^[0-9a-f]{6,}$/;

/** Shorter words are meant for names. */
const STATE_WORD = /^\w{3,}$/;

function matcher(filter: string): (client: ClientView) => boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (client: ClientView) => {
    const text = `${client.name}\n${client.host}`.toLowerCase();
    return (word: string) =>
      text.includes(word) ||
      (STATE_WORD.test(word) && stateOf(client).startsWith(word)) ||
      (KEY_ID_WORD.test(word) && client.keyId.toLowerCase().includes(word));
  };
  return client => client.approvalPending || words.every(has(client));
}

function comparison(
  { key, descending }: Order,
  releases: Releases,
): (a: ClientView, b: ClientView) => number {
  const sign = descending ? -1 : 1;
  const by = COMPARISONS[key];
  return (a, b) =>
    Number(b.approvalPending) - Number(a.approvalPending) ||
    sign * by(a, b, releases) ||
    compareText(nameKey(a), nameKey(b));
}

/** Times that were never come last, in ascending order. */
const earliest = (a = Infinity, b = Infinity) => (a === b ? 0 : a - b);
/** Ascending is the age here: what was last comes first. */
const latest = (a = -Infinity, b = -Infinity) => (a === b ? 0 : b - a);

const COMPARISONS: Readonly<Record<SortKey, (a: ClientView, b: ClientView, releases: Releases) => number>> = {
  name: (a, b) => compareText(nameKey(a), nameKey(b)),
  state: (a, b) => CLIENT_STATES.indexOf(stateOf(a)) - CLIENT_STATES.indexOf(stateOf(b)),
  host: (a, b) => compareText(a.host, b.host),
  expires: (a, b) => earliest(a.expiresMs, b.expiresMs),
  checked: (a, b) => latest(a.lastCheckedOkMs, b.lastCheckedOkMs),
  released: (a, b, releases) => latest(releases.get(a.path), releases.get(b.path)),
};

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const nameKeys = new WeakMap<ClientView, string>();

/** web2 comes before web10. Kept, since each name is compared many times. */
function nameKey(client: ClientView): string {
  let key = nameKeys.get(client);
  if (key === undefined) {
    key = client.name.toLowerCase().replace(/\d+/g, digits => digits.padStart(16, '0'));
    nameKeys.set(client, key);
  }
  return key;
}
