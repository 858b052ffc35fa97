import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Paced } from '../../../server/alerts/paced.js';
import { SimulatedClock } from '../../client-plugin/simulation.js';

function pace() {
  const clock = new SimulatedClock();
  const startMs = clock.nowMs();
  const passed: [number, string, number][] = [];
  const paced = new Paced<string>(10_000, clock.after.bind(clock), (item, count) =>
    passed.push([clock.nowMs() - startMs, item, count]),
  );
  return { clock, paced, passed };
}

test('the first passes at once, and of what follows the last, with the number, after each pause', async () => {
  const { clock, paced, passed } = pace();
  for (let i = 1; i <= 1000; i++) {
    paced.add(`item ${i}`);
    await clock.pass(25);
  }
  await clock.pass(60_000);
  assert.deepEqual(passed, [
    [0, 'item 1', 1],
    [10_000, 'item 400', 399],
    [20_000, 'item 800', 400],
    [30_000, 'item 1000', 200],
  ]);
});

test('after a pause in which nothing came, the next passes at once', async () => {
  const { clock, paced, passed } = pace();
  paced.add('a');
  await clock.pass(10_001);
  paced.add('b');
  assert.deepEqual(passed, [
    [0, 'a', 1],
    [10_001, 'b', 1],
  ]);
});

test('what waits can be had before its time, and nothing comes after it', async () => {
  const { clock, paced, passed } = pace();
  for (const item of ['a', 'b', 'c']) paced.add(item);
  paced.flush();
  paced.flush();
  await clock.pass(60_000);
  assert.deepEqual(passed, [
    [0, 'a', 1],
    [0, 'c', 2],
  ]);
});
