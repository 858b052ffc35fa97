import { formatDuration } from '../../common/duration.js';
import { printable } from '../../common/log.js';
import type { ClientView } from '../mirror/client-view.js';
import { propertyName } from '../mirror/client-view.js';
import type { MirrorEvent } from '../mirror/mirror.js';
import { json } from './dump.js';

/** Properties whose changes are told by other events or by none: a check of each client would be many lines. */
const QUIET_PROPERTIES: ReadonlySet<string> = new Set([
  'checkerRunning',
  'lastCheckedOkMs',
  'lastCheckerStatus',
  'expiresMs',
  'lastEnabledMs',
  'lastApprovalRequestMs',
  'approvalPending',
]);

/** Whether an event is one for a person. A change of a time says nothing that another event does not. */
export function isShown(event: MirrorEvent): boolean {
  return event.kind !== 'property' || !QUIET_PROPERTIES.has(event.property);
}

/** An event as a line for people, in local time. */
export function formatEvent(event: MirrorEvent): string {
  const who = 'name' in event ? `${event.name}: ` : '';
  return `${localTime(event.atMs)} ${printable(`${who}${describe(event)}`)}`;
}

/**
 * An event as a line of JSON: `time` in UTC, `event`, `client` if it is about one, and what belongs to it. Names are as
 * in the audit log; a property has its name on D-Bus, as in `--dump-json`.
 */
export function eventJson({ atMs, kind, ...event }: MirrorEvent): string {
  const { path: _, name, ...rest } = { path: undefined, name: undefined, ...event };
  const members = Object.entries(rest).map(([key, value]) => [
    key.replace(/[A-Z]/g, capital => `_${capital.toLowerCase()}`),
    key === 'property' ? propertyName(value as keyof ClientView) : value,
  ]);
  return json({
    time: new Date(atMs).toISOString(),
    event: kind,
    ...(name === undefined ? {} : { client: name }),
    ...(Object.fromEntries(members) as object),
  });
}

function describe(event: MirrorEvent): string {
  switch (event.kind) {
    case 'server-live':
      return `the Mandos server is there, with ${event.clients} client${event.clients === 1 ? '' : 's'}`;
    case 'server-gone':
      return 'the Mandos server is gone';
    case 'bus-gone':
      return event.problem;
    case 'client-not-found':
      return `an unknown client asked from ${event.address} with key ID ${event.keyId}`;
    case 'client-added':
      return 'added';
    case 'client-removed':
      return 'removed';
    case 'checker-started':
      return `checker started: ${event.command}`;
    case 'checker-completed':
      return `checker ${checkerEnd(event)}: ${event.command}`;
    case 'got-secret':
      return 'received its secret';
    case 'need-approval':
      return `will be ${event.approvedByDefault ? 'approved' : 'denied'} in ${formatDuration(event.timeoutMs)}, unless somebody ${event.approvedByDefault ? 'denies' : 'approves'} it`;
    case 'rejected':
      return `was refused its secret: ${event.reason}`;
    case 'property':
      return describeProperty(event);
  }
}

/** wait(2): the signal is in the low seven bits, also of the negative numbers that the original sends. */
function checkerEnd({ exitStatus, waitStatus }: { exitStatus: number; waitStatus: number }): string {
  if (exitStatus === 0) return 'succeeded';
  if (exitStatus > 0) return `failed with exit status ${exitStatus}`;
  const signal = waitStatus & 0x7f;
  return signal === 0 ? 'crashed' : `was ended by signal ${signal}`;
}

function describeProperty({ property, before, after }: MirrorEvent & { kind: 'property' }): string {
  if (property === 'enabled') return after === true ? 'enabled' : 'disabled';
  if (property === 'approvedByDefault') return after === true ? 'approved by default' : 'denied by default';
  const show = (value: unknown) =>
    property.endsWith('Ms') && typeof value === 'number' ? formatDuration(value) : `"${String(value)}"`;
  return `${property.replace(/Ms$/, '')} changed from ${show(before)} to ${show(after)}`;
}

function localTime(atMs: number): string {
  const time = new Date(atMs);
  const two = (number: number) => String(number).padStart(2, '0');
  const date = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
