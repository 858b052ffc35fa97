import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSavedSecret } from '../../../server/import/saved-secret.js';
import { seededRandom } from '../../support/random.js';
import { SHORT, SHORT_CONFIGURED } from './samples.js';

/** One that is still that of clients.conf, which is too long for gpg in hexadecimal and has bytes of all kinds. */
const LONG = Buffer.from(
  'jA0ECQMCJ9anPCOanzb/0lEBEUlBFYvMSWACld01AoBSkFztLnjJHjSSTWBqr/ys+02/IyQbNu9x2CpNDd/XL2PrKsAhPGOhJujxGmDLi8TZA3NrluEcLaPvWgyIbvkfK54=',
  'base64',
);
const LONG_CONFIGURED = Buffer.concat([
  Buffer.alloc(900, 0xe9),
  Buffer.from([0, 10, 92, 13, 39, 34, 255, 9, 92, 110]),
  Buffer.alloc(300, 65),
]);

test('a secret that was replaced at run time is opened with that of clients.conf', async () => {
  const opened = await openSavedSecret(SHORT, SHORT_CONFIGURED);
  assert.deepEqual(opened && Buffer.from(opened), Buffer.from([1, 2, 3]));
});

test('a secret that is encrypted with a long one of any bytes is opened', async () => {
  const opened = await openSavedSecret(LONG, LONG_CONFIGURED);
  assert.deepEqual(opened && Buffer.from(opened), LONG_CONFIGURED);
});

test('a secret that is encrypted with another is not opened', async () => {
  assert.equal(await openSavedSecret(SHORT, Buffer.from('short')), undefined);
  assert.equal(await openSavedSecret(LONG, SHORT_CONFIGURED), undefined);
});

test('what is no message, or damaged, is not opened', async () => {
  assert.equal(await openSavedSecret(new Uint8Array(), SHORT_CONFIGURED), undefined);
  assert.equal(await openSavedSecret(Buffer.from('password'), SHORT_CONFIGURED), undefined);
  const random = seededRandom(5);
  for (let i = 0; i < 12; i++) {
    const damaged = Buffer.from(SHORT);
    const at = Math.floor(random() * damaged.length);
    damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
    assert.equal(await openSavedSecret(damaged, SHORT_CONFIGURED), undefined, `byte ${at}`);
  }
  assert.equal(await openSavedSecret(SHORT.subarray(0, 20), SHORT_CONFIGURED), undefined);
});
