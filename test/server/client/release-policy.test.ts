import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideRelease } from '../../../server/client/release-policy.js';
import { makeClient } from '../../support/release-server.js';

const KEY_ID = 'ab'.repeat(32);
const client = makeClient('web1', KEY_ID, Buffer.from('secret'));

test('an enabled client gets its secret', () => {
  assert.deepEqual(decideRelease(client, KEY_ID, Date.now(), false), { kind: 'release', client });
});

test('nobody else does, and the reason says why', () => {
  const unapproved = { ...client, settings: { ...client.settings, approvedByDefault: false } };
  for (const [who, code, reason] of [
    [undefined, 'unknown', `unknown key ID ${KEY_ID.toUpperCase()}`],
    [{ ...client, enabled: false }, 'disabled', 'client web1 is disabled'],
    [
      unapproved,
      'approval-timeout',
      'client web1 is not approved by default, and its approval_delay leaves no time to approve it',
    ],
  ] as const) {
    assert.deepEqual(decideRelease(who, KEY_ID, Date.now(), false), {
      kind: 'refuse',
      client: who,
      code,
      reason,
    });
  }
});
