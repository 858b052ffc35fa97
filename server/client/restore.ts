import { isSuccess } from './checks.js';
import type { Approval, Client } from './client.js';
import { createClient, expiryReason, start } from './client.js';
import { findCollision, identitiesOf } from './collisions.js';
import type { ChangeableSettings } from './settings-change.js';
import { CHANGEABLE_SETTINGS, isSameValue, mergeSettings } from './settings-change.js';
import type { ClientSettings } from './settings.js';
import type { StoredClient } from './store.js';

/** The clients to start with, and what has become of those that were stored. */
export interface Restored {
  readonly clients: readonly Client[];
  /** Names that the configuration does not have any more. */
  readonly forgotten: readonly string[];
  /** Names that an operator has removed, and that the configuration still has as they were. */
  readonly removed: readonly string[];
  /** Added at run time, and now the same to TLS or D-Bus as one that the configuration has: the latter one stays. */
  readonly dropped: readonly { readonly name: string; readonly reason: string }[];
  /** Whose time was up while no server ran. */
  readonly expired: readonly { readonly name: string; readonly reason: string }[];
}

export interface RestoreEffects {
  readonly nowMs: number;
  /** In [0, 1): spreads the first checks. */
  readonly random: () => number;
  /** Tells a secret from another, as in StoredSettings. */
  readonly digest: (secret: Uint8Array) => string;
}

/**
 * Puts together what the configuration says and what was stored (docs/original-client-life.md, section 10): what has
 * changed in the configuration since then wins over the stored state, which wins over the rest.
 */
export function restoreClients(
  configured: readonly ClientSettings[],
  stored: Iterable<StoredClient>,
  effects: RestoreEffects,
): Restored {
  const clients: Client[] = [];
  const forgotten: string[] = [];
  const removed: string[] = [];
  const expired: { name: string; reason: string }[] = [];
  const storedByName = new Map<string, StoredClient>();
  for (const client of stored) storedByName.set(client.name, client);

  for (const settings of configured) {
    const { name } = settings;
    const before = storedByName.get(name);
    storedByName.delete(name);
    if (!before || (before.removed && !isUnchanged(settings, before, effects))) {
      clients.push(createClient(settings, effects.nowMs, effects.random()));
    } else if (before.removed) removed.push(name);
    else {
      const client = restoreClient(settings, before, effects);
      clients.push(client);
      if (before.state.enabled && !client.enabled && !hasOtherEnabled(settings, before)) {
        expired.push({ name, reason: outageReason(client, effects.nowMs) });
      }
    }
  }
  const dropped: { name: string; reason: string }[] = [];
  const identities =
    storedByName.size > 0 ? identitiesOf(clients.map(({ settings }) => settings)) : undefined;
  // What is left is not in the configuration.
  for (const before of storedByName.values()) {
    if (before.configured || before.removed) {
      forgotten.push(before.name);
      continue;
    }
    const client = restoreAdded(before, effects);
    const collision = identities && findCollision(client.settings, identities);
    if (collision !== undefined) {
      dropped.push({
        name: before.name,
        reason: `it was added at run time, and ${collision} of the configuration`,
      });
      continue;
    }
    clients.push(client);
    if (before.state.enabled && !client.enabled) {
      expired.push({ name: before.name, reason: outageReason(client, effects.nowMs) });
    }
  }
  return { clients, forgotten, removed, dropped, expired };
}

function outageReason(client: Client, nowMs: number): string {
  return `its time was up while no server ran: ${expiryReason(client, nowMs)}`;
}

function restoreClient(configured: ClientSettings, stored: StoredClient, effects: RestoreEffects): Client {
  const before = settingsThen(configured, stored, effects);
  // What the configuration had never named and names now is the configuration's.
  const settings = stored.configured
    ? mergeSettings({ ...before, ...stored.overrides }, before, configured)
    : configured;
  const enabled = hasOtherEnabled(configured, stored)
    ? configured.enabled
    : isStillEnabled(stored, effects.nowMs);
  return restoreState(settings, configured, stored, enabled, effects);
}

/** One that the configuration has never named: all of its settings are stored. */
function restoreAdded(stored: StoredClient, effects: RestoreEffects): Client {
  const { name, overrides } = stored;
  // A store gives back what it was given; the names of the settings are complete.
  const settings = { name, enabled: true, ...overrides } as ClientSettings;
  return restoreState(settings, undefined, stored, isStillEnabled(stored, effects.nowMs), effects);
}

function restoreState(
  settings: ClientSettings,
  configured: ClientSettings | undefined,
  stored: StoredClient,
  enabled: boolean,
  { nowMs, random }: RestoreEffects,
): Client {
  const { createdMs, lastEnabledMs, lastCheckedOkMs, lastCheck, lastApprovalRequestMs } = stored.state;
  const { releases, releasesSinceEnabled, lastReleaseMs } = stored.state;
  const isEnabledNow = enabled && !stored.state.enabled;
  const client: Client = {
    ...createClient({ ...settings, enabled: false }, nowMs, 0),
    settings,
    configured,
    createdMs,
    // One that the configuration enables now is enabled now.
    lastEnabledMs: isEnabledNow ? undefined : lastEnabledMs,
    lastCheckedOkMs,
    lastCheck,
    lastApprovalRequestMs,
    approval: restoreApproval(stored, settings, nowMs),
    releases,
    releasesSinceEnabled: isEnabledNow ? 0 : releasesSinceEnabled,
    lastReleaseMs,
  };
  return enabled ? start(client, nowMs, random()) : client;
}

/** Should the clock have been set back meanwhile, it holds no longer than if it were given now. */
function restoreApproval(
  { state: { approval } }: StoredClient,
  { approvalDurationMs }: ClientSettings,
  nowMs: number,
): Approval | undefined {
  return approval && { ...approval, untilMs: Math.min(approval.untilMs, nowMs + approvalDurationMs) };
}

/** An outage of the server is no fault of a client that has answered until then. */
function isStillEnabled({ state }: StoredClient, nowMs: number): boolean {
  if (!state.enabled) return false;
  const isPast = state.expiresMs !== undefined && state.expiresMs <= nowMs;
  return !isPast || isSuccess(state.lastCheck);
}

function hasOtherEnabled(configured: ClientSettings | undefined, stored: StoredClient): boolean {
  return (
    configured !== undefined &&
    stored.configured !== undefined &&
    configured.enabled !== stored.configured.enabled
  );
}

function isUnchanged(configured: ClientSettings, stored: StoredClient, effects: RestoreEffects): boolean {
  if (!stored.configured) return true;
  const before = settingsThen(configured, stored, effects);
  return (
    !hasOtherEnabled(configured, stored) &&
    CHANGEABLE_SETTINGS.every(key => isSameValue(configured[key], before[key]))
  );
}

/** What the configuration said then; for another secret, of which only the digest is known, there is one of another length. */
function settingsThen(
  configured: ClientSettings,
  { configured: before }: StoredClient,
  { digest }: RestoreEffects,
): ClientSettings {
  if (!before) return configured;
  const { secretDigest, ...settings } = before;
  const secret =
    digest(configured.secret) === secretDigest
      ? configured.secret
      : new Uint8Array(configured.secret.length + 1);
  return { ...settings, name: configured.name, secret };
}

/** The settings of a client that were set at run time, for a store. */
export function overridesOf({ settings, configured }: Client): Partial<ChangeableSettings> {
  if (settings === configured) return {};
  const keys = configured
    ? CHANGEABLE_SETTINGS.filter(key => !isSameValue(settings[key], configured[key]))
    : CHANGEABLE_SETTINGS;
  return Object.fromEntries(keys.map(key => [key, settings[key]]));
}
