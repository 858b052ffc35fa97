import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DueQueue } from '../../common/due-queue.js';

test('keys come out in the order of when they are due, and not before', () => {
  const queue = new DueQueue<string>();
  assert.equal(queue.nextMs, Infinity);
  queue.set('late', 30);
  queue.set('early', 10);
  queue.set('middle', 20);
  assert.equal(queue.nextMs, 10);
  assert.equal(queue.takeDue(9), undefined);
  assert.deepEqual([queue.takeDue(25), queue.takeDue(25), queue.takeDue(25)], ['early', 'middle', undefined]);
  assert.equal(queue.nextMs, 30);
});

test('a key has one place: setting it again moves it, deleting it takes it out', () => {
  const queue = new DueQueue<string>();
  queue.set('a', 10);
  queue.set('b', 20);
  queue.set('a', 30);
  queue.set('c', 15);
  queue.delete('c');
  queue.delete('unknown');
  assert.deepEqual([queue.takeDue(99), queue.takeDue(99), queue.takeDue(99)], ['b', 'a', undefined]);
});

test('any sequence of changes gives the order that sorting gives', () => {
  let seed = 1;
  const random = (limit: number) => (seed = (seed * 48_271) % 0x7fff_ffff) % limit;
  for (let round = 0; round < 200; round++) {
    const queue = new DueQueue<number>();
    const expected = new Map<number, number>();
    for (let i = 0; i < 100; i++) {
      const key = random(40);
      if (random(4) === 0) {
        queue.delete(key);
        expected.delete(key);
      } else {
        const dueMs = random(1_000_000);
        queue.set(key, dueMs);
        expected.set(key, dueMs);
      }
    }
    const taken: (number | undefined)[] = [];
    while (queue.nextMs < Infinity) taken.push(expected.get(queue.takeDue(Infinity) ?? -1));
    assert.deepEqual(
      taken,
      [...expected.values()].toSorted((a, b) => a - b),
    );
  }
});
