import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../server/client/client.js';
import { createClient } from '../../server/client/client.js';
import { describeStatus } from '../../server/status-report.js';
import { TEST_SETTINGS } from '../support/release-server.js';

const NOW_MS = 1_000_000_000;
const MINUTE_MS = 60_000;

/** One that answers, with `timeout` 5 min and `interval` 2 min, save what is given. */
function client(name: string, state: Partial<Client> = {}): Client {
  return {
    ...createClient({ ...TEST_SETTINGS, name }, NOW_MS - 60 * MINUTE_MS, 0.5),
    expiresMs: NOW_MS + 4 * MINUTE_MS + 10_000,
    lastCheckedOkMs: NOW_MS - 50_000,
    lastCheck: { kind: 'exited', status: 0 },
    ...state,
  };
}

const DISABLED: Partial<Client> = { enabled: false, expiresMs: undefined, nextCheckMs: undefined };

test('the status has a summary, and a line for each client in aligned columns', () => {
  const clients = [
    client('web1', { releases: 3, lastReleaseMs: NOW_MS - 26 * 60 * MINUTE_MS, checking: true }),
    client('database', { lastCheckedOkMs: undefined, lastCheck: undefined, ...DISABLED }),
    client('a', { pendingApprovals: 2, lastCheck: { kind: 'killed', signal: 9 } }),
  ];
  assert.deepEqual(describeStatus(clients, NOW_MS), [
    '3 clients: 2 enabled, 1 disabled, 1 waiting for approval',
    'NAME      STATE                  LAST OK   LAST CHECK         WAITING     RELEASES',
    'a         expires in 4 min 10 s  50 s ago  ended by signal 9  2 requests  0',
    'database  disabled               never     none               -           0',
    'web1      expires in 4 min 10 s  50 s ago  ok, checking now   -           3, last 1 d 2 h ago',
  ]);
});

test('what needs attention comes first: waiting, failing, expiring soon, disabled; the rest by name', () => {
  const clients = [
    client('good2'),
    client('good1'),
    client('disabled2', DISABLED),
    client('disabled1', { ...DISABLED, lastCheck: { kind: 'exited', status: 1 } }),
    client('expiring1', { expiresMs: NOW_MS + 2 * MINUTE_MS }),
    client('expiring2', { expiresMs: NOW_MS + 1000 }),
    client('expiring3', { expiresMs: NOW_MS - 1 }),
    client('failing2', { lastCheck: { kind: 'exited', status: 1 } }),
    client('failing1', { lastCheck: { kind: 'killed', signal: 15 } }),
    client('waiting', { pendingApprovals: 1 }),
  ];
  const [summary, , ...lines] = describeStatus(clients, NOW_MS);
  assert.equal(
    summary,
    '10 clients: 8 enabled, 2 disabled, 1 waiting for approval, 2 failing, 3 expiring soon',
  );
  assert.deepEqual(
    lines.map(line => line.split(' ', 1)[0]),
    [
      'waiting',
      'failing1',
      'failing2',
      'expiring3',
      'expiring2',
      'expiring1',
      'disabled1',
      'disabled2',
      'good1',
      'good2',
    ],
  );
  assert.match(lines[3] ?? '', /^expiring3 +expired +50 s ago/);
  assert.match(lines[1] ?? '', /ended by signal 15/);
});

test('of a hundred thousand clients the log gets some hundred lines, those that matter among them', () => {
  const clients = Array.from({ length: 100_000 }, (_, i) => client(`client${i}`));
  clients[99_999] = client('last', { pendingApprovals: 1 });
  const lines = describeStatus(clients, NOW_MS);
  assert.equal(lines[0], '100000 clients: 100000 enabled, 0 disabled, 1 waiting for approval');
  assert.match(lines[2] ?? '', /^last /);
  assert.equal(lines.length, 1 + 1 + 200 + 1);
  assert.equal(lines.at(-1), '99800 more clients not shown');
});

test('without clients the status is one line', () => {
  assert.deepEqual(describeStatus([], NOW_MS), ['0 clients: 0 enabled, 0 disabled']);
});
