import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countStates, remainingTime, stateOf } from '../../../monitor/screen/client-state.js';
import type { Order } from '../../../monitor/screen/listing.js';
import { listClients } from '../../../monitor/screen/listing.js';
import { client, NOW_MS, waiting } from './scene.js';

const BY_NAME: Order = { key: 'name', descending: false };

function names(clients: ReturnType<typeof client>[], filter = '', order = BY_NAME, releases = new Map()) {
  const map = new Map(clients.map(one => [one.path, one]));
  return listClients(map, filter, order, releases).clients.map(({ name }) => name);
}

test('clients are sorted by name, with numbers in their order', () => {
  assert.deepEqual(names(['web10', 'Web2', 'db', 'web1'].map(name => client(name))), [
    'db',
    'web1',
    'Web2',
    'web10',
  ]);
});

test('clients that wait for approval are on top, whatever is sorted or searched', () => {
  const clients = [client('a1'), waiting('z'), client('b1')];
  assert.deepEqual(names(clients), ['z', 'a1', 'b1']);
  assert.deepEqual(names(clients, '', { key: 'name', descending: true }), ['z', 'b1', 'a1']);
  assert.deepEqual(names(clients, 'b1'), ['z', 'b1']);
});

test('clients are sorted by each column; of those that are alike, by name', () => {
  const clients = [
    client('c', { host: '2', expiresMs: NOW_MS + 5, lastCheckedOkMs: NOW_MS - 9 }),
    client('b', { host: '1', enabled: false, expiresMs: undefined, lastCheckedOkMs: undefined }),
    client('a', { host: '2', lastCheckerStatus: 1, expiresMs: NOW_MS + 3, lastCheckedOkMs: NOW_MS - 5 }),
  ];
  const by = (key: Order['key'], descending = false, releases = new Map<string, number>()) =>
    names(clients, '', { key, descending }, releases).join('');
  assert.equal(by('name'), 'abc');
  assert.equal(by('name', true), 'cba');
  assert.equal(by('state'), 'acb');
  assert.equal(by('host'), 'bac');
  assert.equal(by('expires'), 'acb');
  assert.equal(by('checked'), 'acb');
  assert.equal(by('checked', true), 'bca');
  assert.equal(by('released', false, new Map([['/clients/c', 1]])), 'cab');
});

test('a filter is words that must all be in name, host, state or key ID', () => {
  const clients = [
    client('web1', { host: 'north.example.org' }),
    client('web2', { host: 'south.example.org', lastCheckerStatus: 1, keyId: '12F00DBA' }),
    client('db', { enabled: false }),
  ];
  assert.deepEqual(names(clients, 'WEB'), ['web1', 'web2']);
  assert.deepEqual(names(clients, ' web south '), ['web2']);
  assert.deepEqual(names(clients, 'failing'), ['web2']);
  assert.deepEqual(names(clients, 'disabled'), ['db']);
  assert.deepEqual(names(clients, 'f00dba'), ['web2']);
  assert.deepEqual(names(clients, 'f00d'), []);
  assert.deepEqual(names(clients, 'web disabled'), []);
});

test('a client has failed when its last checker did, and not when none has ended yet', () => {
  assert.equal(stateOf(client('a', { lastCheckerStatus: 1 })), 'failing');
  assert.equal(stateOf(client('a', { lastCheckerStatus: -1 })), 'failing');
  assert.equal(stateOf(client('a', { lastCheckerStatus: -2 })), 'enabled');
  assert.equal(stateOf(client('a', { lastCheckerStatus: 1, enabled: false })), 'disabled');
  assert.equal(stateOf({ ...waiting('a'), lastCheckerStatus: 1 }), 'pending');
  assert.deepEqual(
    countStates([client('a'), { ...waiting('b'), lastCheckerStatus: 1 }, client('c', { enabled: false })]),
    { enabled: 2, disabled: 1, failing: 1, pending: 1 },
  );
});

test('the time to expiry turns yellow when one check is left, and red below half of that', () => {
  const urgency = (seconds: number, properties = {}) =>
    remainingTime(client('a', { expiresMs: NOW_MS + seconds * 1000, ...properties }), NOW_MS)?.urgency;
  assert.deepEqual(
    [300, 120, 119, 60, 59, 0, -5].map(seconds => urgency(seconds)),
    ['good', 'good', 'caution', 'caution', 'bad', 'bad', 'bad'],
  );
  // Checked each four minutes of five, a client is well as long as it has a minute.
  const rare = { intervalMs: 240_000 };
  assert.deepEqual(
    [60, 59, 30, 29].map(seconds => urgency(seconds, rare)),
    ['good', 'caution', 'caution', 'bad'],
  );
  assert.equal(remainingTime(client('a', { enabled: false }), NOW_MS), undefined);
  // After a release it has the extended timeout.
  assert.equal(remainingTime(client('a', { expiresMs: NOW_MS + 900_000 }), NOW_MS)?.share, 1);
});
