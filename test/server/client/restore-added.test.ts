import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../../../server/client/client.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { describeRestored } from '../../../server/restore-report.js';
import { Heart, keyOf, OPERATOR, settingsOf, TestStore } from './heart.js';

/** A store that has a client `new`, which was added at run time beside `a`. */
async function storeWithAdded(change: Partial<ClientSettings> = {}): Promise<TestStore> {
  const store = new TestStore();
  const heart = new Heart([settingsOf('a')], { store });
  const client = {
    ...createClient(settingsOf('new', change), heart.clock.nowMs(), 0),
    configured: undefined,
  };
  await heart.ledger.decide([{ kind: 'add', client, by: OPERATOR }]);
  heart.crash();
  return store;
}

test('a client that was added at run time is there after a restart, with all of its settings', async () => {
  const store = await storeWithAdded({ host: 'web1', timeoutMs: 7_300_000 });
  const { settings, configured } = new Heart([settingsOf('a')], { store }).client('new');
  assert.equal(configured, undefined);
  const expected = settingsOf('new', { host: 'web1', timeoutMs: 7_300_000 });
  assert.equal(Buffer.compare(settings.secret, expected.secret), 0);
  assert.deepEqual({ ...settings, secret: '' }, { ...expected, secret: '' });
});

test('when the configuration names it, the settings of the configuration hold', async () => {
  const store = await storeWithAdded({ host: 'web1' });
  const heart = new Heart([settingsOf('a'), settingsOf('new', { host: 'web2' })], { store });
  assert.equal(heart.client('new').settings.host, 'web2');
  assert.equal(heart.client('new').configured?.host, 'web2');
  assert.deepEqual(heart.restored.dropped, []);
});

test('when the configuration gives its key or its D-Bus path to another client, it is dropped, and both are named', async () => {
  const thief = settingsOf('b', { keyId: keyOf('new') });
  const robbed = new Heart([settingsOf('a'), thief], { store: await storeWithAdded() });
  assert.equal(robbed.registry.find('new'), undefined);
  assert.match(describeRestored(robbed.restored).join('\n'), /^new: dropped: .*same key ID as b /);
  const dotted = await storeWithAdded({ name: 'x.y', keyId: keyOf('x.y') });
  const heart = new Heart([settingsOf('a'), settingsOf('x-y')], { store: dotted });
  assert.equal(heart.registry.find('x.y'), undefined);
  assert.match(describeRestored(heart.restored).join('\n'), /^x\.y: dropped: .*same D-Bus path as x-y /);
});
