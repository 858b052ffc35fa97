import { counted } from '../common/counted.js';
import { listed } from '../common/listed.js';
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
      ? [`removed by an operator, and away until their sections change: ${listed(removed, NAMES_LIMIT)}`]
      : []),
    ...(forgotten.length > 0
      ? [
          `the state of ${counted(forgotten.length, 'client')} no longer configured is dropped: ${listed(forgotten, NAMES_LIMIT)}`,
        ]
      : []),
  ];
}

/** What a start with --no-restore does not take over: every decision that the configuration does not know of. */
export function describeIgnored(stored: readonly StoredClient[]): string[] {
  const here = stored.filter(client => !client.removed);
  const kept = here.filter(({ configured }) => configured);
  const kinds: readonly (readonly [string, readonly StoredClient[]])[] = [
    ['added by an operator', here.filter(({ configured }) => !configured)],
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
        `ignored: ${clients.length} ${what}: ${listed(
          clients.map(({ name }) => name),
          NAMES_LIMIT,
        )}`,
    );
  return [`--no-restore: the state of ${counted(stored.length, 'client')} is ignored`, ...lines];
}
