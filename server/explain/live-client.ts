import type { Client } from '../client/client.js';
import { createClient } from '../client/client.js';
import type { ClientSettings } from '../client/settings.js';
import { readClientSection } from '../config/client-section.js';
import { systemFiles } from '../config/files.js';
import { SectionReader } from '../config/section-reader.js';

/** Properties of `se.recompile.Mandos.Client`, as they are decoded; the variants are taken off. */
export type Properties = ReadonlyMap<string, unknown>;

/**
 * A client as its properties on D-Bus show it, as far as that goes: without its secret, an operator's approval, and who
 * has disabled it.
 * @param configured what the files say of it; undefined for one that was added at run time
 */
export function liveClient(properties: Properties, configured: ClientSettings | undefined): Client {
  const value = (name: string) => properties.get(name);
  const text = (name: string) => (typeof value(name) === 'string' ? String(value(name)) : '');
  const hex = (name: string) => text(name).toLowerCase() || undefined;
  const flag = (name: string) => value(name) === true;
  const ms = (name: string) => Number(value(name) ?? 0);
  const time = (name: string) => timeOf(text(name));
  const name = text('Name');
  // What D-Bus does not show is as the files have it, or as by default.
  const base = createClient(configured ?? defaultSettings(name), 0, 0);
  return {
    ...base,
    settings: {
      ...base.settings,
      name,
      keyId: hex('KeyID'),
      fingerprint: hex('Fingerprint'),
      secret: new Uint8Array(),
      host: text('Host'),
      checker: text('Checker'),
      timeoutMs: ms('Timeout'),
      extendedTimeoutMs: ms('ExtendedTimeout'),
      intervalMs: ms('Interval'),
      approvalDelayMs: ms('ApprovalDelay'),
      approvalDurationMs: ms('ApprovalDuration'),
      approvedByDefault: flag('ApprovedByDefault'),
      enabled: flag('Enabled'),
    },
    configured,
    createdMs: time('Created') ?? 0,
    enabled: flag('Enabled'),
    lastEnabledMs: time('LastEnabled'),
    expiresMs: time('Expires'),
    checking: flag('CheckerRunning'),
    lastCheckedOkMs: time('LastCheckedOK'),
    lastCheck: outcomeOf(value('LastCheckerStatus')),
    lastApprovalRequestMs: time('LastApprovalRequest'),
    // How many do not matter.
    pendingApprovals: flag('ApprovalPending') ? 1 : 0,
  };
}

/** @param limits what the server has of the client beside its properties, by the names in clients.conf */
export function withReleaseSettings(client: Client, limits: Properties): Client {
  const check = limits.get('release_check');
  const window = limits.get('release_window');
  return {
    ...client,
    settings: {
      ...client.settings,
      releaseCheck: check === 'warn' || check === 'deny' ? check : 'off',
      maxReleases: Number(limits.get('max_releases') ?? 0),
      releaseWindow: typeof window === 'string' ? window : '',
    },
    releasesSinceEnabled: Number(limits.get('releases_since_enabled') ?? 0),
  };
}

function defaultSettings(name: string): ClientSettings {
  const section = { file: '', name, line: 0, options: new Map() };
  return readClientSection(new SectionReader(section, [], () => {}), systemFiles);
}

/** DBUS-API: UTC without saying so, with six digits of a second or none; '' for a time that has not come. */
function timeOf(text: string): number | undefined {
  const [, digits] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Date.parse(`${digits.slice(0, 23)}Z`);
}

/** -2 when no check has ended, -1 for one that was killed: by which signal is not said. */
function outcomeOf(status: unknown): Client['lastCheck'] {
  if (typeof status !== 'number' || status === -2) return undefined;
  return status < 0 ? { kind: 'killed', signal: 0 } : { kind: 'exited', status };
}
