import { renamed, servedObject } from '../../../common/dbus/interface-table.js';
import type { DbusInterface, ServedObject } from '../../../common/dbus/interface-table.js';
import type { ObjectTree } from '../../../common/dbus/objects.js';

/** As large as a Mandos client, with a property of each kind. */
export interface Thing {
  readonly name: string;
  timeoutMs: number;
  enabled: boolean;
  checkedAt: string;
  status: number;
  secret: Uint8Array;
}

const KEY_ID = '0123456789ABCDEF'.repeat(4);

const text = (value: string) => ({ type: 's', get: () => value });

export const THING: DbusInterface<Thing> = {
  name: 'org.example.Things.Thing',
  methods: {
    Approve: { in: { Approve: 'b' }, call: () => [] },
    Echo: { in: { Text: 's', Number: 't' }, out: { Text: 's', Number: 't' }, call: (_, args) => [...args] },
    Old: { deprecated: true, call: () => undefined },
  },
  signals: {
    Rejected: { args: { Reason: 's' } },
    PropertyChanged: { args: { Property: 's', Value: 'v' }, deprecated: true },
  },
  properties: {
    ApprovalDelay: { type: 't', get: () => 0 },
    ApprovalDuration: { type: 't', get: () => 1000 },
    ApprovalPending: { type: 'b', get: () => false },
    ApprovedByDefault: { type: 'b', get: () => true },
    Checker: text('fping -q -- %%(host)s'),
    CheckerRunning: { type: 'b', get: () => false },
    Created: { emitsChanged: 'const', ...text('2026-11-20T20:11:48.859870') },
    Enabled: {
      type: 'b',
      get: thing => thing.enabled,
      set: (thing, value) => {
        thing.enabled = value as boolean;
      },
    },
    Expires: text('2026-11-20T20:11:48.859870'),
    ExtendedTimeout: { type: 't', get: () => 900_000 },
    Fingerprint: { emitsChanged: 'const', ...text(KEY_ID.slice(0, 40)) },
    Host: text('client.example.org'),
    Interval: { type: 't', get: () => 120_000 },
    KeyID: { emitsChanged: 'const', ...text(KEY_ID) },
    LastApprovalRequest: text(''),
    LastCheckedOK: { type: 's', get: thing => thing.checkedAt },
    LastCheckerStatus: { type: 'n', get: thing => thing.status },
    LastEnabled: { emitsChanged: 'false', ...text('2026-11-20T20:11:48.859870') },
    Name: { type: 's', emitsChanged: 'const', get: thing => thing.name },
    ObjectPath: { type: 'o', emitsChanged: 'const', get: thing => pathOf(thing.name) },
    Secret: {
      type: 'ay',
      emitsChanged: 'invalidates',
      set: (thing, value) => {
        thing.secret = Uint8Array.from(value as Uint8Array);
      },
    },
    Timeout: {
      type: 't',
      get: thing => thing.timeoutMs,
      set: (thing, value) => {
        thing.timeoutMs = Number(value);
      },
    },
  },
};

export const OLD_THING = renamed(THING, 'org.example.old.Things.Thing', { deprecated: true });

export const pathOf = (name: string) => `/things/${name}`;

export function makeThing(name: string): Thing {
  return {
    name,
    timeoutMs: 300_000,
    enabled: true,
    checkedAt: '2026-11-20T20:11:48.859870',
    status: -2,
    secret: new Uint8Array(),
  };
}

/** A tree of things beneath /things, by their paths, with this object at the root. */
export function thingTree(things: ReadonlyMap<string, Thing>, root: ServedObject): ObjectTree {
  return {
    find: path => {
      if (path === '/') return root;
      const thing = things.get(path);
      return thing && servedObject([THING, OLD_THING], thing);
    },
    children: path => {
      if (path === '/') return things.size > 0 ? ['things'] : [];
      return path === '/things' ? Array.from(things.values(), ({ name }) => name) : [];
    },
    managed: () => things.keys(),
  };
}
