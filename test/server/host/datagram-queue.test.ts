import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { DatagramQueue } from '../../../server/host/datagram-queue.js';
import { requires } from '../../support/requires.js';
import { startReceiver } from './datagram-receiver.js';
import { temporaryDirectory } from './script.js';

test(
  'a datagram that is too long for the receiver does not hold up those behind it',
  requires('python3'),
  async t => {
    const path = join(temporaryDirectory(t), 'socket');
    const receiver = await startReceiver(t, path);
    const queue = new DatagramQueue(path, 10);
    for (const text of ['first', 'x'.repeat(16 * 1024 * 1024), 'last']) queue.send(Buffer.from(text));
    await receiver.waitFor(/last/);
    assert.deepEqual(receiver.received(), ['first', 'last']);
  },
);

test('as many datagrams wait as are allowed to', t => {
  const queue = new DatagramQueue(join(temporaryDirectory(t), 'none'), 2);
  const taken = ['a', 'b', 'c'].map(text => queue.send(Buffer.from(text)));
  assert.deepEqual(taken, [true, true, false]);
});
