import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ControlledHost } from './dbus-scene.js';
import { CLIENT, control, CONTROL, SERVER } from './dbus-scene.js';

const CLIENTS = `
[a.b-c]
key_id = ${'ab'.repeat(32)}
fingerprint = ${'cd'.repeat(20)}
secret = wQECAw==
host = localhost
checker = :
interval = PT1H
timeout = PT2H
`;
const OLD_SERVER = 'se.bsnet.fukt.Mandos';
const PATHS = ['/', '/clients', '/clients/a_b_c'];
const MANAGER = 'org.freedesktop.DBus.ObjectManager';

/** An element of introspection data, with what is in it. */
interface Element {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
}

/** Parses XML that has neither text nor entities. */
function parseXml(xml: string): Element {
  const root: Element = { tag: '', attributes: {}, children: [] };
  const open = [root];
  for (const [, close, tag = '', rest = '', empty] of xml.matchAll(
    /<(\/?)(\w+)((?:\s+\w+="[^"]*")*)\s*(\/?)>/g,
  )) {
    if (close) {
      open.pop();
      continue;
    }
    const attributes = Object.fromEntries(
      Array.from(rest.matchAll(/(\w+)="([^"]*)"/g), ([, name = '', value = '']) => [name, value]),
    );
    const element: Element = { tag, attributes, children: [] };
    open.at(-1)?.children.push(element);
    if (!empty) open.push(element);
  }
  return root.children[0] ?? assert.fail('no element');
}

/** Each member of each interface in a line, with all that is said of it. */
function describe(xml: string): Set<string> {
  const lines = new Set<string>();
  for (const { tag, attributes, children } of parseXml(xml).children) {
    const { name = '' } = attributes;
    if (tag === 'node') lines.add(`node ${name}`);
    for (const child of children) lines.add(`${name}: ${line(child)}`);
  }
  return lines;
}

function line({ tag, attributes, children }: Element): string {
  const { name = '', type = '', access = '', value = '', direction = '' } = attributes;
  // The original gives some results no name; "in" and "out" may be left out where there is one way only.
  const words = [tag, direction === 'out' ? '' : name, type, access, value, direction === 'out' ? 'out' : ''];
  return [words.filter(word => word !== '').join(' '), ...children.map(line)].join(' | ');
}

async function introspect(server: ControlledHost, path: string): Promise<Set<string>> {
  const [xml] = await server.call(path, 'org.freedesktop.DBus.Introspectable', 'Introspect');
  return describe(xml as string);
}

/** What this server has beyond the original. */
const ADDED = [
  `${SERVER}: method AddClient`,
  `${SERVER}: method AddedClients`,
  `${SERVER}: method ReleaseSettings`,
  `${SERVER}: method Reload`,
  `${SERVER}: method SetLogLevel`,
  `${SERVER}: property `,
  'org.freedesktop.DBus.Properties: ',
  'org.freedesktop.DBus.Peer: ',
  // The original's node /clients describes itself, and does not say that it can.
  'org.freedesktop.DBus.Introspectable: ',
];

test(
  'the introspection data have all members of the original with types, access and annotations, and few more',
  CONTROL,
  async t => {
    const [ours, original] = await Promise.all([
      control(t, 'ours', CLIENTS),
      control(t, 'original', CLIENTS),
    ]);
    for (const path of PATHS) {
      const [of_, expected] = [await introspect(ours, path), await introspect(original, path)];
      assert.ok(expected.size > 0);
      assert.deepEqual(
        [...expected].filter(each => !of_.has(each)),
        [],
        `missing at ${path}`,
      );
      const more = [...of_].filter(each => !expected.has(each));
      assert.deepEqual(
        more.filter(each => !ADDED.some(start => each.startsWith(start))),
        [],
        `more at ${path}`,
      );
    }
  },
);

/** A reply with types, as values can be compared. */
function comparable(value: unknown): unknown {
  if (value instanceof Map) {
    return Object.fromEntries(Array.from(value, ([key, one]) => [String(key), comparable(one)]));
  }
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'object' && value !== null && 'value' in value) {
    const { signature, value: inner } = value as { signature: string; value: unknown };
    return `${signature} ${String(comparable(inner))}`;
  }
  return String(value).replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/, 'TIME');
}

test(
  'all properties of a client have the types, forms and values that the original gives',
  CONTROL,
  async t => {
    const [ours, original] = await Promise.all([
      control(t, 'ours', CLIENTS),
      control(t, 'original', CLIENTS),
    ]);
    for (const [path, name, member, signature, ...body] of [
      ['/', MANAGER, 'GetManagedObjects'],
      ['/', SERVER, 'GetAllClients'],
      ['/', SERVER, 'GetAllClientsWithProperties'],
      ['/', OLD_SERVER, 'GetAllClientsWithProperties'],
      ['/clients/a_b_c', 'org.freedesktop.DBus.Properties', 'GetAll', 's', CLIENT],
      ['/clients/a_b_c', 'org.freedesktop.DBus.Properties', 'Get', 'ss', CLIENT, 'Expires'],
    ] as const) {
      const of_ = comparable(await ours.call(path, name, member, signature, ...body));
      const expected = comparable(await original.call(path, name, member, signature, ...body));
      assert.deepEqual(of_, expected, `${member} at ${path}`);
    }
  },
);
