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
];

/** Whether two values of a setting are the same. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return a === b;
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]));
}

/**
 * Changes settings of a client at run time (docs/original-client-life.md, section 8): another timeout moves the expiry
 * by the difference, and disables at once if that is past; another interval begins anew with a check now.
 */
export function changeSettings(client: Client, changes: Partial<ChangeableSettings>, nowMs: number): Client {
  const { settings } = client;
  const changed = CHANGEABLE_SETTINGS.some(
    key => key in changes && !isSameValue(changes[key], settings[key]),
  );
  if (!changed) return client;
  const next = { ...client, settings: { ...settings, ...changes } };
  if (!client.enabled) return next;
  const intervalChanged = next.settings.intervalMs !== settings.intervalMs;
  const moved: Client = {
    ...next,
    nextCheckMs: intervalChanged ? nowMs : client.nextCheckMs,
    expiresMs: client.expiresMs && client.expiresMs + next.settings.timeoutMs - settings.timeoutMs,
  };
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
  const settings = mergeSettings(client.settings, before, configured);
  const changed: Client = { ...changeSettings(client, settings, nowMs), settings, configured };
  if (configured.enabled === before.enabled) return changed;
  return configured.enabled ? enable(changed, nowMs) : disable(changed);
}
