import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { COLUMNS } from '../../../monitor/ctl/columns.js';
import { dumpClients } from '../../../monitor/ctl/dump.js';
import { createProgress } from '../../../monitor/ctl/progress.js';
import { formatTable, formatTableDuration } from '../../../monitor/ctl/table.js';
import { pick, seededRandom } from '../../support/random.js';
import { requires } from '../../support/requires.js';

const PLAIN = { verbose: false, colours: false };
const table = (clients: Record<string, unknown>[], options = PLAIN) =>
  [
    ...formatTable(
      clients.map(client => new Map(Object.entries(client))),
      options,
    ),
  ].join('');
const dump = (clients: Record<string, unknown>[]) =>
  [...dumpClients(clients.map(client => new Map(Object.entries(client))))].join('');

test('durations are hours, minutes and seconds, with days in front', () => {
  // As the original printed them.
  const cases: [bigint, string][] = [
    [0n, '00:00:00'],
    [1999n, '00:00:01'],
    [86_399_000n, '23:59:59'],
    [86_400_000n, '1T00:00:00'],
    [93_784_000n, '1T02:03:04'],
    [2_147_483_000n, '24T20:31:23'],
    [5_097_600_999n, '59T00:00:00'],
    [2n ** 64n - 1n, '213503982334T14:25:51'],
  ];
  for (const [ms, text] of cases) assert.equal(formatTableDuration(ms), text);
});

test('columns are as wide as their widest cell in code points, and the last one is filled as well', () => {
  const clients = [
    { Name: 'a😀é', Enabled: true, Timeout: 300_000n, LastCheckedOK: '' },
    { Name: 'longer name', Enabled: false, Timeout: 0n, LastCheckedOK: '' },
  ];
  assert.equal(
    table(clients),
    [
      'Name        Enabled Timeout  Last Successful Check',
      'a😀é         Yes     00:05:00                      ',
      'longer name No      00:00:00                      ',
      '',
    ].join('\n'),
  );
});

test('without clients there is the head of the table', () => {
  assert.equal(table([]), 'Name Enabled Timeout Last Successful Check\n');
  assert.equal(table([], { verbose: true, colours: false }).trim().startsWith('Name Enabled'), true);
});

test('control characters cannot leave their row', () => {
  const text = table([{ Name: 'a', Checker: 'x\ny\x1b[31m' }], { verbose: true, colours: false });
  assert.equal(text.split('\n').length, 3);
  assert.ok(text.includes('x\\x0ay\\x1b[31m'));
});

test('on a terminal the head is bold and disabled clients are red', () => {
  const lines = table(
    [
      { Name: 'a', Enabled: true },
      { Name: 'b', Enabled: false },
    ],
    { verbose: false, colours: true },
  ).split('\n');
  assert.ok(lines[0]?.startsWith('\x1b[1mName ') && lines[0].endsWith('\x1b[0m'));
  assert.match(lines[1] ?? '', /^a /);
  assert.ok(lines[2]?.startsWith('\x1b[31mb ') && lines[2].endsWith('\x1b[0m'));
});

test('a table of thousands of clients is whole', () => {
  const clients = Array.from({ length: 2500 }, (_, i) => ({ Name: `c${i}` }));
  const lines = table(clients).trimEnd().split('\n');
  assert.equal(lines.length, 2501);
  assert.equal(lines.at(-1)?.trim(), 'c2499');
});

test("the JSON is to the byte what Python's json makes of the same", requires('python3'), () => {
  const random = seededRandom(7);
  const characters = [
    'a',
    '"',
    '\\',
    '/',
    '\n',
    '\t',
    '\b',
    '\f',
    '\x00',
    '\x1f',
    '\x7f',
    '\x80',
    'é',
    '\u2028',
    '日',
    '😀',
  ] as const;
  const text = () =>
    Array.from({ length: 12 }, () => pick(random, [...characters] as [string, ...string[]])).join('');
  const clients = Array.from({ length: 40 }, (_, i) => {
    const values = COLUMNS.map(({ property, kind }) => {
      if (property === 'Name') return [property, `${i}${text()}`];
      if (kind === 'boolean') return [property, random() < 0.5];
      if (kind === 'duration') return [property, BigInt(Math.floor(random() * 2 ** 50)) * 4096n];
      return [property, property === 'LastCheckerStatus' ? -2 : text()];
    });
    return Object.fromEntries(values) as Record<string, unknown>;
  });
  const ours = dump(clients);
  const python = 'import json,sys; print(json.dumps(json.load(sys.stdin), indent=4, separators=(",", ": ")))';
  assert.equal(ours, execFileSync('python3', ['-c', python], { input: ours, encoding: 'utf8' }));
  const parsed = JSON.parse(ours) as Record<string, Record<string, unknown>>;
  assert.equal(Object.keys(parsed).length, clients.length);
  for (const client of clients) {
    const dumped = parsed[String(client['Name'])] ?? {};
    assert.deepEqual(
      Object.keys(dumped),
      COLUMNS.map(({ property }) => property),
    );
    assert.equal(dumped['Checker'], client['Checker']);
  }
  assert.equal(dump([]), '{}\n');
});

test('progress is shown after half a second, at most ten times a second, and taken away', () => {
  let nowMs = 0;
  let written = '';
  const progress = createProgress(
    100,
    'clients',
    text => {
      written += text;
    },
    () => nowMs,
  );
  progress.step();
  assert.equal(written, '');
  nowMs = 600;
  progress.step();
  assert.equal(written, '\r2 of 100 clients\x1b[K');
  nowMs = 650;
  progress.step();
  assert.equal(written, '\r2 of 100 clients\x1b[K');
  progress.end();
  progress.end();
  assert.equal(written, '\r2 of 100 clients\x1b[K\r\x1b[K');
  const silent = createProgress(1, 'clients', undefined, () => nowMs);
  nowMs = 10_000;
  silent.step();
  silent.end();
});
