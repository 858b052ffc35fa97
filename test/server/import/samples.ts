import { execFileSync } from 'node:child_process';
import type { ClientSettings } from '../../../server/client/settings.js';
import type {
  ImportedClient,
  ImportedConfiguration,
  ImportedSettings,
} from '../../../server/import/imported-client.js';

export const NOW_MS = Date.UTC(2026, 10, 21, 12);
export const KEY_ID = 'ab'.repeat(32);
export const OTHER_KEY_ID = 'cd'.repeat(32);
export const SECRET = Buffer.from('the secret of clients.conf');

/** Of a clients.pickle that the original has written: a secret that was replaced at run time. */
export const SHORT = Buffer.from(
  'jA0ECQMCJtMbFENKaKf/0jgBFRnjvO5armAJvj9DU95MZeRS6YHIuP0io5ZN3JEGZ0YZTLItoIMtExptbGEesosy+1l6tGD3Zw==',
  'base64',
);
export const SHORT_CONFIGURED = Buffer.from('s\0\nhort');

/** What clients.conf says. */
export function settings(name: string, changes: Partial<ClientSettings> = {}): ClientSettings {
  return {
    name,
    keyId: KEY_ID,
    fingerprint: '12'.repeat(20),
    secret: SECRET,
    host: `${name}.example.org`,
    checker: 'fping -q -- %(host)s',
    timeoutMs: 300_000,
    extendedTimeoutMs: 900_000,
    intervalMs: 120_000,
    approvalDelayMs: 0,
    approvalDurationMs: 1000,
    approvedByDefault: true,
    enabled: true,
    releaseCheck: 'warn',
    maxReleases: 0,
    releaseWindow: '',
    ...changes,
  };
}

/** What clients.conf said there. */
export function configuration(of: ClientSettings): ImportedConfiguration {
  const { name: _, secret: __, ...rest } = of;
  return rest;
}

/** An enabled client of the original's, as clients.conf has it where nothing else is said. */
export function client(
  configured: ClientSettings,
  changes: Partial<Omit<ImportedClient, 'settings'>> & { readonly settings?: Partial<ImportedSettings> } = {},
): ImportedClient {
  const { enabled: _, ...inEffect } = configuration(configured);
  return {
    name: configured.name,
    enabled: true,
    createdMs: NOW_MS - 90_000,
    lastEnabledMs: NOW_MS - 80_000,
    expiresMs: NOW_MS + 200_000,
    lastCheckedOkMs: NOW_MS - 50_000,
    lastCheck: { kind: 'exited', status: 0 },
    lastApprovalRequestMs: undefined,
    denied: false,
    ...changes,
    settings: { ...inEffect, ...changes.settings },
  };
}

/** A state such as the original writes: c1 as configured, c2 changed at run time, c3 removed. */
const STATE = `
import datetime, pickle, sys, types
class Boolean(int): pass
Boolean.__module__ = 'dbus'
sys.modules['dbus'] = types.ModuleType('dbus')
sys.modules['dbus'].Boolean = Boolean
time = lambda *of: datetime.datetime(2026, 11, 21, *of)
seconds = lambda n: datetime.timedelta(seconds=n)
def settings(key):
    return {'key_id': key * 64, 'fingerprint': '12' * 20, 'host': 'h\\u00e4st\\u20ac', 'checker_command': 'fping -q -- %(host)s',
        'timeout': seconds(300), 'extended_timeout': seconds(900), 'interval': seconds(120),
        'approval_delay': seconds(0), 'approval_duration': datetime.timedelta(1, 1, 1500), 'approved_by_default': True,
        'enabled': True}
def state(name, key, **changes):
    return {**settings(key), 'name': name, 'encrypted_secret': bytes(range(256)), 'created': time(10, 0, 1, 234567),
        'approved': None, 'checker_initiator_tag': 70000, 'client_structure': ['bus', 'name'], 'approvals_pending': 0,
        'expires': time(11, 0, 0), 'last_approval_request': None, 'last_checked_ok': time(10, 59), 'last_checker_status': 0,
        'last_enabled': time(10, 0), **changes}
PROTOCOL = int(sys.argv[1])
denied = False if PROTOCOL < 2 else Boolean(0)
configured = {'c1': settings('A'), 'c2': settings('B'), 'c3': {**settings('C'), 'secret': b''}}
clients = {'c1': state('c1', 'A'), 'c2': state('c2', 'B', enabled=False, expires=None, approved=denied,
    last_checker_status=-1, timeout=seconds(60))}
`;

/** The state above, or what a script makes of it, as Python writes it in a protocol. */
export function pythonPickle(protocol: number, value = '(clients, configured)', script = ''): Buffer {
  const program = `${STATE}\n${script}\nsys.stdout.buffer.write(pickle.dumps(${value}, PROTOCOL))`;
  return execFileSync('python3', ['-c', program, String(protocol)]);
}

/** A client as mandos-ctl prints it. */
export function properties(name: string, changes: Readonly<Record<string, unknown>> = {}): object {
  return {
    Name: name,
    Enabled: true,
    Timeout: 300000,
    LastCheckedOK: '2026-11-21T10:59:00',
    Created: '2026-11-21T10:00:01.234567',
    Interval: 120000,
    Host: `${name}.example.org`,
    KeyID: KEY_ID.toUpperCase(),
    Fingerprint: '12'.repeat(20),
    CheckerRunning: false,
    LastEnabled: '2026-11-21T10:00:00.000000',
    ApprovalPending: false,
    ApprovedByDefault: true,
    LastApprovalRequest: '',
    ApprovalDelay: 0,
    ApprovalDuration: 1000,
    Checker: 'fping -q -- %(host)s',
    ExtendedTimeout: 900000,
    Expires: '2026-11-21T11:04:00.123999',
    LastCheckerStatus: 0,
    ...changes,
  };
}
