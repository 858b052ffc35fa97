import { formatEvent, isShown } from '../ctl/watch-line.js';
import type { MirrorEvent } from '../mirror/mirror.js';
import { clean } from './cells.js';

/** As many as the original keeps. Of those that only the verbose log shows, there are as many besides. */
const LOG_LINES = 1000;

/** Events of one client that are kept for its details; of thousands of clients, some megabytes. */
const CLIENT_LINES = 20;

export interface LogEntry {
  readonly atMs: number;
  readonly text: string;
  readonly look: 'plain' | 'good' | 'bad' | 'pending' | 'faint';
}

/** What has happened since the program was started. Never changed: what is added makes a new one. */
export interface Journal {
  /** Without the starts and successes of checkers. */
  readonly entries: readonly LogEntry[];
  readonly verbose: readonly LogEntry[];
  readonly byClient: ReadonlyMap<string, readonly LogEntry[]>;
  /** When clients received their secrets. */
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
  const entries: LogEntry[] = [];
  const verbose: LogEntry[] = [];
  const byClient = new Map(journal.byClient);
  let { releases } = journal;
  for (const event of events) {
    if (event.kind === 'got-secret') releases = new Map(releases).set(event.path, event.atMs);
    if (!isShown(event)) continue;
    const entry = { atMs: event.atMs, text: eventText(event), look: lookOf(event) };
    verbose.push(entry);
    if (isRoutine(event)) continue;
    entries.push(entry);
    if (event.kind === 'client-removed') {
      byClient.delete(event.path);
      releases = new Map([...releases].filter(([path]) => path !== event.path));
    } else if ('path' in event) {
      const { name, path } = event;
      const own = { ...entry, text: entry.text.slice(clean(name).length + 2) };
      byClient.set(path, [...(byClient.get(path) ?? []), own].slice(-CLIENT_LINES));
    }
  }
  return {
    entries: [...journal.entries, ...entries].slice(-LOG_LINES),
    verbose: [...journal.verbose, ...verbose].slice(-LOG_LINES),
    byClient,
    releases,
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

/** Without the time, which mandos-ctl puts before it. */
function eventText(event: MirrorEvent): string {
  return clean(formatEvent(event).slice('2026-11-21 14:05:09 '.length));
}

function isRoutine(event: MirrorEvent): boolean {
  return event.kind === 'checker-started' || (event.kind === 'checker-completed' && event.exitStatus === 0);
}

const LOOKS: Partial<Record<MirrorEvent['kind'], LogEntry['look']>> = {
  'need-approval': 'pending',
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
