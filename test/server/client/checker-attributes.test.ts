import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { checkerAttribute } from '../../../server/client/checker-attributes.js';
import { CHECKER_ATTRIBUTES } from '../../../server/client/checker-format.js';
import { createClient } from '../../../server/client/client.js';
import { requires } from '../../support/requires.js';
import { TEST_SETTINGS } from '../../support/release-server.js';

const START_MS = Date.UTC(2026, 10, 21, 6, 21, 36, 600);

test('every attribute that a checker may name has a text', () => {
  const client = createClient({ ...TEST_SETTINGS, name: 'n.a-b' }, START_MS, 0);
  const text = (name: string) => checkerAttribute(client, name);
  for (const name of CHECKER_ATTRIBUTES) assert.equal(typeof text(name), 'string', name);
  assert.equal(text('name'), 'n.a-b');
  assert.equal(text('dbus_object_path'), '/clients/n_a_b');
  assert.equal(text('key_id'), 'AB'.repeat(32));
  assert.equal(text('fingerprint'), '');
  assert.equal(text('enabled'), 'True');
  assert.equal(text('host'), 'client1.example.org');
  assert.equal(text('created'), '2026-11-21 06:21:36.600000');
  assert.equal(text('expires'), '2026-11-21 06:23:36.600000');
  assert.equal(text('last_checked_ok'), 'None');
  assert.throws(() => text('secret'), RangeError);
});

test('durations are written as Python writes them', requires('python3'), () => {
  const durationsMs = [
    0, 1, 1500, 3000, 61_000, 5_400_000, 86_399_999, 86_400_000, 90_000_000, 3_000_000_000_123,
  ];
  const script =
    'import sys, datetime\nfor ms in sys.argv[1:]: print(datetime.timedelta(milliseconds=int(ms)))';
  const theirs = execFileSync('python3', ['-c', script, ...durationsMs.map(String)], { encoding: 'utf8' });
  const ours = durationsMs.map(timeoutMs =>
    checkerAttribute(createClient({ ...TEST_SETTINGS, timeoutMs }, START_MS, 0), 'timeout'),
  );
  assert.deepEqual(ours, theirs.trim().split('\n'));
});
