import { endCheck, startCheck, tick } from '../../../server/client/checks.js';
import type { Client } from '../../../server/client/client.js';
import { createClient, disable } from '../../../server/client/client.js';
import { extendAfterRelease } from '../../../server/client/releases.js';
import { changeSettings } from '../../../server/client/settings-change.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { FAILED, OK, settingsOf } from './heart.js';

export const SETTINGS = settingsOf('a', {
  intervalMs: 2_000,
  timeoutMs: 6_000,
  extendedTimeoutMs: 10_000,
  approvalDurationMs: 1_000,
});
export const KILLED = { kind: 'killed', signal: 9 } as const;

/** Started at 0: its first check is due at 500, and it has until 2500 for it. */
export const fresh = createClient(SETTINGS, 0, 0.25);
/** In its first check since 510. */
export const first = tick(fresh, 510);
/** Seen at 600: the next check is due at 2500, and it expires at 6600. */
export const good = endCheck(first, OK, 600);
/** In its second check since 2500. */
export const checking = tick(good, 2_500);
/** Its second check has failed. */
export const bad = endCheck(checking, FAILED, 2_600);
export const released = extendAfterRelease(good, 1_000);
export const off = disable(good);
export const offChecking = startCheck(off);
export const neverEnabled = createClient({ ...SETTINGS, enabled: false }, 0, 0.25);

export const DISABLED = { enabled: false, expiresMs: undefined, nextCheckMs: undefined };
export const NOTHING = {};

export type Difference = Partial<Omit<Client, 'settings'> & { settings: Partial<ClientSettings> }>;

/** What is another than before; of the settings too. */
export function difference(before: Client, after: Client): Difference {
  const differs = (a: object, b: object) =>
    Object.entries(b).filter(([key, value]) => (a as Record<string, unknown>)[key] !== value);
  const { settings, ...rest } = Object.fromEntries(differs(before, after));
  if (settings === undefined) return rest;
  return { ...rest, settings: Object.fromEntries(differs(before.settings, after.settings)) };
}

export const set = (client: Client, changes: Partial<ClientSettings>, nowMs: number) =>
  changeSettings(client, changes, nowMs);
