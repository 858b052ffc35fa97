import { formatEvent, isShown } from '../ctl/watch-line.js';
import type { MirrorEvent } from '../mirror/mirror.js';
import { clean } from './cells.js';

/** As many as the original keeps. Of those that only the verbose log shows, there are as many besides. */
const LOG_LINES = 1000;

/** Events of one client that are kept for its details; of thousands of clients, some megabytes. */
const CLIENT_LINES = 20;

/** Clients whose events are kept although the server does not have them any more. */
const GONE_CLIENTS = 1000;

export interface LogEntry {
  readonly atMs: number;
  readonly text: string;
  readonly look: 'plain' | 'good' | 'bad' | 'caution' | 'faint';
  /** Clients came or went: so many, one right after the other, are one line. */
  readonly many?: { readonly kind: 'client-added' | 'client-removed'; readonly count: number };
}

/** What has happened since the program was started. Never changed: what is added makes a new one. */
export interface Journal {
  /** Without the starts and successes of checkers. */
  readonly entries: readonly LogEntry[];
  readonly verbose: readonly LogEntry[];
  /** By path. */
  readonly byClient: ReadonlyMap<string, readonly LogEntry[]>;
  /** When clients received their secrets, by path. */
  readonly releases: ReadonlyMap<string, number>;
}

export const EMPTY_JOURNAL: Journal = {
  entries: [],
  verbose: [],
  byClient: new Map(),
  releases: new Map(),
};

/** The journal with events added. Many at a time: thousands of checkers can end at once. */
export function recordEvents(journal: Journal, events: readonly MirrorEvent[]): Journal {
  const entries = [...journal.entries];
  const verbose = [...journal.verbose];
  const byClient = new Map(journal.byClient);
  const releases = new Map(journal.releases);
  for (const event of events) {
    if (event.kind === 'got-secret') releases.set(event.path, event.atMs);
    if (!isShown(event)) continue;
    const entry = entryOf(event);
    add(verbose, entry, event);
    if (isRoutine(event)) continue;
    add(entries, entry, event);
    if (!('path' in event)) continue;
    const own = { ...entry, text: entry.text.slice(clean(event.name).length + 2) };
    byClient.set(event.path, [...(byClient.get(event.path) ?? []), own].slice(-CLIENT_LINES));
  }
  return {
    entries: entries.slice(-LOG_LINES),
    verbose: verbose.slice(-LOG_LINES),
    byClient,
    // The list is sorted again when they have changed.
    releases: events.some(({ kind }) => kind === 'got-secret') ? releases : journal.releases,
  };
}

/** The journal with a line of the program's own. */
export function recordLine(journal: Journal, entry: LogEntry): Journal {
  return {
    ...journal,
    entries: [...journal.entries, entry].slice(-LOG_LINES),
    verbose: [...journal.verbose, entry].slice(-LOG_LINES),
  };
}

/** The journal without the events of clients that are no more, once these are many. */
export function forgetClients(
  journal: Journal,
  clients: { has(path: string): boolean; size: number },
): Journal {
  const { byClient } = journal;
  if (byClient.size <= clients.size + GONE_CLIENTS) return journal;
  return { ...journal, byClient: new Map([...byClient].filter(([path]) => clients.has(path))) };
}

/** Without the time, which mandos-ctl puts before it. */
function entryOf(event: MirrorEvent): LogEntry {
  const text = clean(formatEvent(event).slice('2026-11-21 14:05:09 '.length));
  const entry = { atMs: event.atMs, text, look: lookOf(event) };
  const { kind } = event;
  return kind === 'client-added' || kind === 'client-removed'
    ? { ...entry, many: { kind, count: 1 } }
    : entry;
}

/** Puts an entry behind the others, or into the last one when it says the same of another client. */
function add(entries: LogEntry[], entry: LogEntry, { kind }: MirrorEvent): void {
  const last = entries.at(-1)?.many;
  // A server that is stopped takes its clients away first, which is no news.
  if (kind === 'server-gone' && last?.kind === 'client-removed') entries.pop();
  if (entry.many && last?.kind === entry.many.kind) {
    const count = last.count + 1;
    const text = `${count} clients were ${kind === 'client-added' ? 'added' : 'removed'}`;
    entries[entries.length - 1] = { ...entry, text, many: { kind: last.kind, count } };
  } else entries.push(entry);
}

function isRoutine(event: MirrorEvent): boolean {
  return event.kind === 'checker-started' || (event.kind === 'checker-completed' && event.exitStatus === 0);
}

const LOOKS: Partial<Record<MirrorEvent['kind'], LogEntry['look']>> = {
  'need-approval': 'caution',
  'checker-started': 'faint',
  'server-gone': 'bad',
  'bus-gone': 'bad',
  rejected: 'bad',
  'got-secret': 'good',
};

function lookOf(event: MirrorEvent): LogEntry['look'] {
  if (event.kind === 'checker-completed') return event.exitStatus === 0 ? 'faint' : 'bad';
  return LOOKS[event.kind] ?? 'plain';
}
