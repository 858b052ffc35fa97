import { counted } from '../common/counted.js';
import type { Restored } from './client/restore.js';
import type { StoredClient } from './client/store.js';

/** Names that one line of the log shows; the rest is counted. */
const NAMES_LIMIT = 20;

/** What a start made of the stored state, where an operator may want to know. */
export function describeRestored({ forgotten, removed, dropped, expired }: Restored): string[] {
  return [
    ...dropped.map(({ name, reason }) => `${name}: dropped: ${reason}`),
    ...expired.map(({ name, reason }) => `${name}: disabled: ${reason}`),
    ...(removed.length > 0
      ? [`${counted(removed.length, 'client')} removed by an operator stay away: ${listNames(removed)}`]
      : []),
    ...(forgotten.length > 0
      ? [
          `the state of ${counted(forgotten.length, 'client')} no longer configured is dropped: ${listNames(forgotten)}`,
        ]
      : []),
  ];
}

/** What a start with --no-restore does not take over: every decision that the configuration does not know of. */
export function describeIgnored(stored: readonly StoredClient[]): string[] {
  const kept = stored.filter(client => !client.removed);
  const kinds: readonly (readonly [string, readonly StoredClient[]])[] = [
    ['disabled', kept.filter(({ state, configured }) => !state.enabled && configured?.enabled !== false)],
    [
      'enabled by an operator',
      kept.filter(({ state, configured }) => state.enabled && configured?.enabled === false),
    ],
    ['removed', stored.filter(client => client.removed)],
    ['with settings changed at run time', kept.filter(({ overrides }) => Object.keys(overrides).length > 0)],
  ];
  const lines = kinds
    .filter(([, clients]) => clients.length > 0)
    .map(
      ([what, clients]) =>
        `ignored: ${clients.length} ${what}: ${listNames(clients.map(({ name }) => name))}`,
    );
  return [`--no-restore: the state of ${counted(stored.length, 'client')} is ignored`, ...lines];
}

function listNames(names: readonly string[]): string {
  const more = names.length - NAMES_LIMIT;
  return `${names.slice(0, NAMES_LIMIT).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
