import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Alert } from '../../../server/alerts/alert.js';
import {
  AlertQueue,
  CLIENT_QUEUE_LIMIT,
  HOOKS_AT_ONCE,
  QUEUE_LIMIT,
} from '../../../server/alerts/alert-queue.js';

const alert = (client: string | undefined, number = 0): Alert => ({
  event: `event${number}`,
  client,
  members: {},
});

/** A queue whose deliveries the test ends. */
function makeQueue() {
  const begun: string[] = [];
  const open: { readonly name: string; readonly end: () => void }[] = [];
  const dropped: string[] = [];
  const text = ({ client = '-', event }: Alert) => `${client} ${event}`;
  const queue = new AlertQueue(
    each => {
      begun.push(text(each));
      return new Promise(resolve => open.push({ name: text(each), end: resolve }));
    },
    each => dropped.push(text(each)),
  );
  const endFirst = async () => {
    open.shift()?.end();
    await turn();
  };
  return { queue, begun, open, dropped, endFirst };
}

test('alerts of one client are delivered in order, one after the other', async () => {
  const { queue, begun, endFirst } = makeQueue();
  for (const number of [1, 2, 3]) queue.push(alert('a', number));
  assert.deepEqual(begun, ['a event1']);
  await endFirst();
  assert.deepEqual(begun, ['a event1', 'a event2']);
  await endFirst();
  assert.deepEqual(begun, ['a event1', 'a event2', 'a event3']);
});

test('alerts of several clients are delivered at once, up to the limit, then in turn', async () => {
  const { queue, begun, endFirst } = makeQueue();
  for (let i = 0; i < HOOKS_AT_ONCE + 2; i++) for (const number of [1, 2]) queue.push(alert(`c${i}`, number));
  assert.equal(begun.length, HOOKS_AT_ONCE);
  assert.ok(begun.every(text => text.endsWith('event1')));
  await endFirst();
  await endFirst();
  await endFirst();
  assert.deepEqual(begun.slice(HOOKS_AT_ONCE), [
    `c${HOOKS_AT_ONCE} event1`,
    `c${HOOKS_AT_ONCE + 1} event1`,
    'c0 event2',
  ]);
});

test('one client has so many places, and all have so many together; what has none is dropped', () => {
  const { queue, dropped } = makeQueue();
  for (let i = 0; i < CLIENT_QUEUE_LIMIT + 3; i++) queue.push(alert('greedy', i));
  // One is being delivered.
  assert.deepEqual(dropped, [
    `greedy event${CLIENT_QUEUE_LIMIT + 1}`,
    `greedy event${CLIENT_QUEUE_LIMIT + 2}`,
  ]);
  for (let i = 0; i < QUEUE_LIMIT; i++) queue.push(alert(`c${i}`));
  assert.equal(dropped.length, 2 + CLIENT_QUEUE_LIMIT - (HOOKS_AT_ONCE - 1));
});

test('where there is no room, what somebody with a stolen key can make at will gives way, the oldest first', async () => {
  const { queue, dropped, begun, endFirst } = makeQueue();
  const push = (event: string) => queue.push({ event, client: 'a', members: {} });
  push('first');
  const flood = ['refused', 'approval_needed', 'release_interrupted'];
  push('released');
  for (let i = 1; i < CLIENT_QUEUE_LIMIT; i++) push(flood[i % 3] ?? '');
  const important = ['impostor', 'disabled', 'expiring_soon'];
  for (const event of important) push(event);
  assert.deepEqual(dropped, ['a approval_needed', 'a release_interrupted', 'a refused']);
  push('refused');
  assert.deepEqual(dropped.slice(3), ['a approval_needed']);
  const idle = queue.idle();
  for (let i = 0; i <= CLIENT_QUEUE_LIMIT; i++) await endFirst();
  await idle;
  assert.equal(begun.length, CLIENT_QUEUE_LIMIT + 1);
  assert.deepEqual(begun.slice(0, 2), ['a first', 'a released']);
  assert.deepEqual(
    begun.slice(-4),
    [...important, 'refused'].map(event => `a ${event}`),
  );
});

test('10,000 alerts of 10,000 clients are all delivered', async () => {
  let delivered = 0;
  const queue = new AlertQueue(
    async () => {
      await turn();
      delivered++;
    },
    () => assert.fail('dropped'),
  );
  for (let i = 0; i < 10_000; i++) queue.push(alert(`client${i}`));
  await queue.idle();
  assert.equal(delivered, 10_000);
});

test('a queue is idle when nothing waits or is being delivered', async () => {
  const { queue, endFirst, open } = makeQueue();
  await queue.idle();
  queue.push(alert('a', 1));
  queue.push(alert(undefined, 2));
  let isIdle = false;
  const idle = async () => {
    await queue.idle();
    isIdle = true;
  };
  const waiting = idle();
  await endFirst();
  assert.equal(isIdle, false);
  await endFirst();
  await waiting;
  assert.equal(open.length, 0);
});

test('what waits can be forgotten; what is being delivered goes on', async () => {
  const { queue, begun, endFirst } = makeQueue();
  for (const number of [1, 2, 3]) queue.push(alert('a', number));
  assert.equal(queue.clear(), 2);
  const idle = queue.idle();
  await endFirst();
  await idle;
  assert.deepEqual(begun, ['a event1']);
  queue.push(alert('a', 4));
  assert.deepEqual(begun, ['a event1', 'a event4']);
});
