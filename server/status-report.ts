import { counted } from '../common/counted.js';
import { durationText } from '../common/duration-text.js';
import { isSuccess } from './client/checks.js';
import type { CheckOutcome, Client } from './client/client.js';

/** Clients with a line of their own: what an operator reads, and what a log of a hundred thousand clients can bear. */
const DETAILS_LIMIT = 200;

/** What needs attention, the most urgent first; one that needs none comes last, as `undefined`. */
const CONCERNS = ['waiting', 'failing', 'expiring', 'disabled'] as const;
type Concern = (typeof CONCERNS)[number] | undefined;

const HEADINGS = ['NAME', 'STATE', 'LAST OK', 'LAST CHECK', 'WAITING', 'RELEASES'];

/**
 * How the server's clients are, for people: a summary, then a line for each client, those that need attention first.
 * @param nowMs milliseconds since the Unix epoch
 * @returns lines for the log, however many clients there are no more than some more than DETAILS_LIMIT
 */
export function describeStatus(clients: Iterable<Client>, nowMs: number): string[] {
  const byConcern = new Map<Concern, Client[]>([...CONCERNS, undefined].map(concern => [concern, []]));
  let total = 0;
  let enabled = 0;
  for (const client of clients) {
    total++;
    if (client.enabled) enabled++;
    byConcern.get(concernOf(client, nowMs))?.push(client);
  }
  const shown = firstClients(byConcern);
  const rows = shown.map(client => row(client, nowMs));
  const hidden = total - shown.length;
  return [
    summary(total, enabled, byConcern),
    ...(rows.length > 0 ? aligned([HEADINGS, ...rows]) : []),
    ...(hidden > 0 ? [`${counted(hidden, 'more client')} not shown`] : []),
  ];
}

function concernOf(client: Client, nowMs: number): Concern {
  if (client.pendingApprovals > 0) return 'waiting';
  if (!client.enabled) return 'disabled';
  if (client.lastCheck && !isSuccess(client.lastCheck)) return 'failing';
  // One more check, and that has to succeed.
  const isSoon = client.expiresMs !== undefined && client.expiresMs - nowMs <= client.settings.intervalMs;
  return isSoon ? 'expiring' : undefined;
}

function summary(total: number, enabled: number, byConcern: ReadonlyMap<Concern, Client[]>): string {
  const count = (concern: Concern) => byConcern.get(concern)?.length ?? 0;
  const concerns = [
    [count('waiting'), 'waiting for approval'],
    [count('failing'), 'failing'],
    [count('expiring'), 'expiring soon'],
  ] as const;
  const parts = concerns.filter(([number]) => number > 0).map(([number, what]) => `, ${number} ${what}`);
  return `${counted(total, 'client')}: ${enabled} enabled, ${total - enabled} disabled${parts.join('')}`;
}

/** In the order of their concerns; then those that expire first, or by name. */
function firstClients(byConcern: ReadonlyMap<Concern, Client[]>): Client[] {
  const first: Client[] = [];
  for (const [concern, clients] of byConcern) {
    const expiry = ({ expiresMs }: Client) => (concern === 'expiring' ? (expiresMs ?? 0) : 0);
    const sorted = clients.toSorted((a, b) => expiry(a) - expiry(b) || compareNames(a, b));
    first.push(...sorted.slice(0, DETAILS_LIMIT - first.length));
  }
  return first;
}

function compareNames({ settings: a }: Client, { settings: b }: Client): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function row(client: Client, nowMs: number): string[] {
  const { settings, pendingApprovals, releases, lastReleaseMs, lastCheckedOkMs } = client;
  const last = lastReleaseMs === undefined ? '' : `, last ${ago(lastReleaseMs, nowMs)}`;
  return [
    settings.name,
    describeState(client, nowMs),
    lastCheckedOkMs === undefined ? 'never' : ago(lastCheckedOkMs, nowMs),
    `${describeOutcome(client.lastCheck)}${client.checking ? ', checking now' : ''}`,
    pendingApprovals === 0 ? '-' : counted(pendingApprovals, 'request'),
    `${releases}${last}`,
  ];
}

function describeState({ enabled, expiresMs }: Client, nowMs: number): string {
  if (!enabled) return 'disabled';
  if (expiresMs === undefined) return 'enabled';
  return expiresMs <= nowMs ? 'expired' : `expires in ${durationText(expiresMs - nowMs)}`;
}

function describeOutcome(outcome: CheckOutcome | undefined): string {
  if (outcome === undefined) return 'none';
  if (outcome.kind === 'killed') return `ended by signal ${outcome.signal}`;
  return outcome.status === 0 ? 'ok' : `exit status ${outcome.status}`;
}

function ago(ms: number, nowMs: number): string {
  return `${durationText(nowMs - ms)} ago`;
}

/** The rows of a table as lines, each column as wide as its widest cell. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = HEADINGS.map((_, column) => Math.max(...rows.map(cells => cells[column]?.length ?? 0)));
  return rows.map(cells =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
