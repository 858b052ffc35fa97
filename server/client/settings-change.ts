import type { Client } from './client.js';
import { disable, enable, isExpired } from './client.js';
import type { ClientSettings } from './settings.js';

/** Settings that can have another value at run time. */
export type ChangeableSettings = Omit<ClientSettings, 'name' | 'enabled'>;

/** What is changeable, in the order of mandos-clients.conf(5). */
export const CHANGEABLE_SETTINGS: readonly (keyof ChangeableSettings)[] = [
  'timeoutMs',
  'extendedTimeoutMs',
  'intervalMs',
  'checker',
  'host',
  'keyId',
  'fingerprint',
  'secret',
  'approvalDelayMs',
  'approvalDurationMs',
  'approvedByDefault',
  'releaseCheck',
  'maxReleases',
  'releaseWindow',
];

/** Whether two values of a setting are the same. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return a === b;
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]));
}

/**
 * Changes settings of a client at run time (docs/original-client-life.md, section 8): another timeout moves the expiry
 * by the difference, and disables at once if that is past; an interval, be it the same, begins anew with a check now.
 */
export function changeSettings(client: Client, changes: Partial<ChangeableSettings>, nowMs: number): Client {
  const { settings } = client;
  const isOther = CHANGEABLE_SETTINGS.some(
    key => key in changes && !isSameValue(changes[key], settings[key]),
  );
  const changed = isOther ? { ...client, settings: { ...settings, ...changes } } : client;
  const { expiresMs } = client;
  if (expiresMs === undefined) return changed;
  const begun =
    changes.intervalMs === undefined ? changed : { ...changed, nextCheckMs: nowMs, unchecked: false };
  const movedMs = changed.settings.timeoutMs - settings.timeoutMs;
  if (movedMs === 0) return begun;
  const moved = { ...begun, expiresMs: expiresMs + movedMs };
  return isExpired(moved, nowMs) ? disable(moved) : moved;
}

/**
 * The settings that hold when the configuration is another than it was: what it has changed wins over what was set at
 * run time, and what was set at run time wins over the rest.
 * @param before what the configuration said when `inEffect` came about
 */
export function mergeSettings(
  inEffect: ClientSettings,
  before: ClientSettings,
  configured: ClientSettings,
): ClientSettings {
  const kept = CHANGEABLE_SETTINGS.filter(
    key => isSameValue(configured[key], before[key]) && !isSameValue(inEffect[key], before[key]),
  );
  // The same object where nothing was set at run time: a hundred thousand clients share it with their configuration.
  if (kept.length === 0) return configured;
  return { ...configured, ...Object.fromEntries(kept.map(key => [key, inEffect[key]])) };
}

/** Takes over what the configuration says of a client now. */
export function reconfigure(client: Client, configured: ClientSettings, nowMs: number): Client {
  const before = client.configured ?? configured;
  // What it had never named and names now is the configuration's.
  const settings = client.configured ? mergeSettings(client.settings, before, configured) : configured;
  const others = CHANGEABLE_SETTINGS.filter(key => !isSameValue(settings[key], client.settings[key]));
  const changes = Object.fromEntries(others.map(key => [key, settings[key]]));
  const changed: Client = { ...changeSettings(client, changes, nowMs), settings, configured };
  if (configured.enabled === before.enabled) return changed;
  return configured.enabled ? enable(changed, nowMs) : disable(changed);
}
