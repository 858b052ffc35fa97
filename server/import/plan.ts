import { LONGEST_DURATION_MS } from '../../common/duration.js';
import type { Client } from '../client/client.js';
import { createClient } from '../client/client.js';
import { checkerProblem } from '../client/checker-format.js';
import { CHANGEABLE_SETTINGS, isSameValue, mergeSettings } from '../client/settings-change.js';
import type { ClientSettings } from '../client/settings.js';
import type { Importable, ImportedClient, ImportedConfiguration } from './imported-client.js';
import { KnownClients } from './known-clients.js';
import { CLIENT_KEYS } from '../client/setting-keys.js';
import { listedNames } from './words.js';

/** What of the original's state this server takes over. */
export interface ImportPlan {
  /**
   * To be stored. Checks and the end of a client's time begin when the server starts, which also judges those whose
   * time was up meanwhile.
   */
  readonly clients: readonly Client[];
  /** Names that an operator has removed there and that clients.conf still has: to be stored as removed. */
  readonly removed: readonly string[];
  /** Names of the file that clients.conf does not have. */
  readonly skipped: readonly string[];
  /** What an operator should know, a line each. */
  readonly notes: readonly string[];
}

/**
 * Decides what becomes of each client. What was set there at run time is kept, unless clients.conf has been changed
 * since; what cannot be taken over as it was makes a client disabled, so that no machine gets its secret more easily
 * than it did there.
 * @param nowMs milliseconds since the Unix epoch
 */
export function planImport(
  configured: readonly ClientSettings[],
  imported: Importable,
  nowMs: number,
): ImportPlan {
  const known = new KnownClients(imported);
  const clients: Client[] = [];
  const removed: string[] = [];
  const notes: string[] = [];
  const unsealed: string[] = [];
  for (const settings of configured) {
    const { name } = settings;
    const client = known.find(name);
    const before = imported.configuredThen?.get(name);
    const is = client ? isSameMachine(settings, client.settings) : isSameMachine(settings, before);
    if (client && is) {
      clients.push(takeOver(settings, client, before, nowMs, text => notes.push(`${name}: ${text}`)));
      if (!client.settings.secret) unsealed.push(name);
    } else if (before && is) {
      removed.push(name);
    } else {
      const verdict = judgeUnknown(settings, known, imported);
      if (verdict.note !== undefined) notes.push(`${name}: ${verdict.note}`);
      if (verdict.isHeldBack) clients.push(disabledClient(settings, nowMs));
    }
  }
  if (unsealed.length > 0) notes.push(noteOfSecrets(unsealed, imported));
  const names = new Set(configured.map(({ name }) => name));
  const skipped = imported.clients.map(({ name }) => name).filter(name => !names.has(name));
  return { clients, removed, skipped, notes };
}

/** A fingerprint that one of them lacks says nothing: it is for people. */
function isSameMachine(
  { keyId, fingerprint }: ClientSettings,
  other: Pick<ClientSettings, 'keyId' | 'fingerprint'> | undefined,
): boolean {
  if (!other || keyId !== other.keyId) return false;
  return fingerprint === undefined || other.fingerprint === undefined || fingerprint === other.fingerprint;
}

/** @param note hears what an operator should know of this client */
function takeOver(
  configured: ClientSettings,
  imported: ImportedClient,
  then: ImportedConfiguration | undefined,
  nowMs: number,
  note: (text: string) => void,
): Client {
  const before: ClientSettings = { ...configured, ...then };
  // The same machine: a fingerprint is not set at run time.
  const { fingerprint } = configured;
  const inEffect: ClientSettings = { ...configured, ...imported.settings, fingerprint };
  const merged = mergeSettings(inEffect, { ...before, fingerprint }, configured);
  const impossible = impossibleSettings(merged, configured);
  const back = Object.fromEntries(impossible.map(key => [key, configured[key]]));
  const settings = impossible.length === 0 ? merged : { ...merged, ...back };
  if (impossible.length > 0) {
    const words = impossible.map(key => CLIENT_KEYS[key]).join(', ');
    note(
      `disabled, since this server cannot have its ${words}, and takes that of clients.conf; ${toEnable(configured)}`,
    );
  }

  const isDisabledSince = before.enabled && !configured.enabled && then !== undefined;
  const enabled = imported.enabled && !isDisabledSince && impossible.length === 0;
  if (enabled && !configured.enabled) {
    note('enabled, as it was at run time, although clients.conf has "enabled = False"');
  }
  if (!imported.enabled && configured.enabled && then?.enabled === false) {
    note(
      `disabled, as it was there, although clients.conf does not say so any more; ${toEnable(configured)}`,
    );
  }
  return {
    ...disabledClient(configured, nowMs),
    settings,
    enabled,
    createdMs: imported.createdMs,
    lastEnabledMs: imported.lastEnabledMs,
    expiresMs: enabled ? imported.expiresMs : undefined,
    lastCheckedOkMs: imported.lastCheckedOkMs,
    lastCheck: imported.lastCheck,
    lastApprovalRequestMs: imported.lastApprovalRequestMs,
    // Since when a "no" holds cannot be known; a "yes" is not taken over.
    approval: imported.denied ? { granted: false, untilMs: nowMs + settings.approvalDurationMs } : undefined,
  };
}

function disabledClient(configured: ClientSettings, nowMs: number): Client {
  return {
    ...createClient({ ...configured, enabled: false }, nowMs, 0),
    settings: configured,
    configured,
  };
}

/** Settings that were possible there at run time, where some ended all checks of a client, and are not here. */
function impossibleSettings(
  settings: ClientSettings,
  configured: ClientSettings,
): (typeof CHANGEABLE_SETTINGS)[number][] {
  return CHANGEABLE_SETTINGS.filter(key => {
    const value = settings[key];
    if (isSameValue(value, configured[key])) return false;
    if (key === 'checker') return checkerProblem(settings.checker) !== undefined;
    if (key === 'intervalMs' && value === 0) return true;
    return typeof value === 'number' && value > LONGEST_DURATION_MS;
  });
}

interface Verdict {
  /** It is stored as disabled; otherwise nothing of it is, and it starts as a new one. */
  readonly isHeldBack: boolean;
  readonly note?: string;
}

/** A client of clients.conf that the file does not have with this name and key. */
function judgeUnknown(
  configured: ClientSettings,
  known: KnownClients,
  { configuredThen }: Importable,
): Verdict {
  const { name, keyId } = configured;
  const other = known.withName(name);
  const twin = known.withKey(keyId);
  const isHeldBack =
    configured.enabled &&
    (twin !== undefined || other?.enabled === false || (!other && configuredThen === undefined));
  const consequence = isHeldBack ? `, and it is disabled; ${toEnable(configured)}` : '';
  if (other) {
    const what = keyId === other.keyId ? 'fingerprint' : 'key_id';
    return { isHeldBack, note: `nothing is imported, since it had another ${what} there${consequence}` };
  }
  if (twin) {
    return {
      isHeldBack,
      note: `nothing is imported, since its key was that of ${twin.name} there${consequence}`,
    };
  }
  if (!isHeldBack) return { isHeldBack };
  return { isHeldBack, note: `not in the file: it may have been removed there${consequence}` };
}

function toEnable({ name }: ClientSettings): string {
  return `"mandos-ctl --enable ${name}" enables it`;
}

function noteOfSecrets(names: readonly string[], { configuredThen }: Importable): string {
  if (!configuredThen) {
    return 'the file has no secrets: those of clients.conf are used, also where another was set at run time';
  }
  const which = listedNames(names);
  return `secrets that were not encrypted with those of clients.conf cannot be read, and those of clients.conf are used: ${which}`;
}
