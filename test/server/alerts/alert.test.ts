import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertOf, serverStarted } from '../../../server/alerts/alert.js';
import { auditRecord } from '../../../server/audit/audit-record.js';
import { NO_VERDICTS, VERDICTS } from '../audit/sample-events.js';
import { namedClient, NOW_MS, PEER, SECRET } from './scene.js';

test('hooks are told what the audit log has, under the same names', () => {
  const names: string[] = [];
  for (const event of VERDICTS) {
    const alert = alertOf(event, NOW_MS);
    if (!alert) continue;
    names.push(alert.event);
    const record = { ...auditRecord(event, NOW_MS) };
    assert.deepEqual(alert.members, { ...record, event: alert.event });
    assert.equal(alert.client, event.client?.settings.name);
  }
  // Some are there in more than one way.
  assert.deepEqual(
    new Set(names),
    new Set(['released', 'release_interrupted', 'unknown_key', 'impostor', 'approval_needed', 'disabled']),
  );
});

test('hooks are not told what is no matter for people', () => {
  for (const event of NO_VERDICTS) assert.equal(alertOf(event, NOW_MS), undefined, event.kind);
});

test('a client that is refused is told from a key that nobody knows', () => {
  const client = namedClient('web1');
  const refusal = { kind: 'refuse', client, code: 'disabled', reason: 'client web1 is disabled' } as const;
  const alert = alertOf({ kind: 'refused', client, keyId: 'ab'.repeat(32), peer: PEER, refusal }, NOW_MS);
  assert.equal(alert?.event, 'refused');
  assert.deepEqual(alert.members, {
    time: '2026-03-01T04:05:06.789Z',
    event: 'refused',
    client: 'web1',
    key_id: 'AB'.repeat(32),
    ...PEER,
    code: 'disabled',
    reason: 'client web1 is disabled',
  });
});

test('a client that expires soon is told with when and why', () => {
  const client = namedClient('web1');
  const alert = alertOf(
    { kind: 'expiring-soon', client, leftMs: 120_000, reason: 'its checks fail' },
    NOW_MS,
  );
  assert.equal(alert?.event, 'expiring_soon');
  assert.equal(alert.members['expires'], '2026-03-01T04:07:06.789Z');
  assert.equal(alert.members['reason'], 'its checks fail');
});

test('somebody who asks with the key of a machine that is up is told', () => {
  const client = namedClient('web1');
  const alert = alertOf({ kind: 'impostor', client, keyId: 'ab'.repeat(32), peer: PEER }, NOW_MS);
  assert.equal(alert?.event, 'impostor');
  assert.equal(alert.members['client'], 'web1');
  assert.equal(alert.members['address'], PEER.address);
});

test('the start of the server is told', () => {
  const { event, client, members } = serverStarted({ clients: 3 }, NOW_MS);
  assert.deepEqual([event, client], ['server_started', undefined]);
  assert.deepEqual(members, { time: '2026-03-01T04:05:06.789Z', event: 'server_started', clients: 3 });
});

test('no secret is in any alert', () => {
  const texts = VERDICTS.map(event => JSON.stringify(alertOf(event, NOW_MS) ?? {}));
  const secret = Buffer.from(SECRET);
  for (const text of texts) {
    for (const form of [SECRET, secret.toString('base64'), secret.toString('hex')])
      assert.ok(!text.includes(form));
  }
});
