import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCollision, identitiesOf } from '../../../server/client/collisions.js';
import { settingsOf } from './heart.js';

const OTHERS = identitiesOf([settingsOf('a.b'), settingsOf('keyless', { keyId: undefined })]);

test('no two clients have one key ID or one D-Bus path', () => {
  assert.equal(findCollision(settingsOf('c'), OTHERS), undefined);
  assert.equal(
    findCollision(settingsOf('c', { keyId: settingsOf('a.b').keyId }), OTHERS),
    'has the same key ID as a.b',
  );
  assert.equal(findCollision(settingsOf('a-b'), OTHERS), 'has the same D-Bus path as a.b');
});

test('a client is not in its own way, and clients without a key ID are not in each other’s', () => {
  assert.equal(findCollision(settingsOf('a.b'), OTHERS), undefined);
  assert.equal(findCollision(settingsOf('c', { keyId: undefined }), OTHERS), undefined);
});
