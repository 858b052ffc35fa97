/** One client as its server shows it. Never changed: a client that changes is a new object. */
export interface ClientView {
  /** Of its D-Bus object. */
  readonly path: string;
  readonly name: string;
  readonly host: string;
  /** Upper case hexadecimal, as is the fingerprint; '' when it has none. */
  readonly keyId: string;
  readonly fingerprint: string;
  readonly enabled: boolean;
  readonly checker: string;
  readonly checkerRunning: boolean;
  /** Exit status; -1 when the checker crashed, -2 when none has ended yet. */
  readonly lastCheckerStatus: number;
  readonly approvalPending: boolean;
  readonly approvedByDefault: boolean;
  readonly timeoutMs: number;
  readonly extendedTimeoutMs: number;
  readonly intervalMs: number;
  readonly approvalDelayMs: number;
  readonly approvalDurationMs: number;
  /** Milliseconds since the Unix epoch, as all times here; undefined when unset. */
  readonly createdMs: number | undefined;
  readonly expiresMs: number | undefined;
  readonly lastEnabledMs: number | undefined;
  readonly lastCheckedOkMs: number | undefined;
  readonly lastApprovalRequestMs: number | undefined;
}

/** Properties by their D-Bus names, as they are decoded; the variants are taken off. */
export type PropertyValues = ReadonlyMap<string, unknown>;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const flag = (value: unknown): boolean => value === true;
const number = (value: unknown): number =>
  typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0;

/**
 * A time of DBUS-API: UTC without saying so, with six digits of a second or none; the rest of the milliseconds is cut.
 * @returns undefined for '' and for what is no time
 */
function time(value: unknown): number | undefined {
  const [, digits] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)$/.exec(text(value)) ?? [];
  const ms = digits === undefined ? Number.NaN : Date.parse(`${digits.slice(0, 23)}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** What each property is called here, and how its value is read. Of a value of another type nothing is left. */
const READERS = {
  Name: ['name', text],
  Host: ['host', text],
  KeyID: ['keyId', text],
  Fingerprint: ['fingerprint', text],
  Enabled: ['enabled', flag],
  Checker: ['checker', text],
  CheckerRunning: ['checkerRunning', flag],
  LastCheckerStatus: ['lastCheckerStatus', number],
  ApprovalPending: ['approvalPending', flag],
  ApprovedByDefault: ['approvedByDefault', flag],
  Timeout: ['timeoutMs', number],
  ExtendedTimeout: ['extendedTimeoutMs', number],
  Interval: ['intervalMs', number],
  ApprovalDelay: ['approvalDelayMs', number],
  ApprovalDuration: ['approvalDurationMs', number],
  Created: ['createdMs', time],
  Expires: ['expiresMs', time],
  LastEnabled: ['lastEnabledMs', time],
  LastCheckedOK: ['lastCheckedOkMs', time],
  LastApprovalRequest: ['lastApprovalRequestMs', time],
} as const satisfies Record<string, readonly [keyof ClientView, (value: unknown) => unknown]>;

const READERS_BY_NAME: ReadonlyMap<string, readonly [keyof ClientView, (value: unknown) => unknown]> =
  new Map(Object.entries(READERS));

/** What D-Bus calls a property; `path` is none. */
export function propertyName(key: keyof ClientView): string {
  return Object.entries(READERS).find(([, [name]]) => name === key)?.[0] ?? key;
}

/** What has not been said. */
const UNKNOWN = Object.fromEntries(
  Object.values(READERS).map(([key, read]) => [key, read(undefined)]),
) as unknown as ClientView;

/** The path stands for the name of a client that has said none yet. */
function unknownClient(path: string): ClientView {
  return { ...UNKNOWN, path, name: path, lastCheckerStatus: -2 };
}

/** A client of these properties; those that a server does not have are empty. */
export function readClient(path: string, values: PropertyValues): ClientView {
  return changeClient(unknownClient(path), values);
}

/** The client with other values of some properties; itself when none differs. Unknown properties do not matter. */
export function changeClient(client: ClientView, values: PropertyValues): ClientView {
  // One copy, however many differ: there may be 100,000 clients to read.
  let changed: { -readonly [key in keyof ClientView]: unknown } | undefined;
  for (const [name, value] of values) {
    const reader = READERS_BY_NAME.get(name);
    if (!reader) continue;
    const [key, read] = reader;
    const after = read(value);
    if (client[key] === after) continue;
    changed ??= { ...client };
    changed[key] = after;
  }
  return (changed as ClientView | undefined) ?? client;
}

/** What two states of a client differ in. */
export function differences(before: ClientView, after: ClientView): (keyof ClientView)[] {
  return Object.values(READERS)
    .map(([key]) => key)
    .filter(key => before[key] !== after[key]);
}
