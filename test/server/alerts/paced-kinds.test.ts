import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacedKinds } from '../../../server/alerts/paced-kinds.js';
import { SimulatedClock } from '../../client-plugin/simulation.js';

function pace() {
  const clock = new SimulatedClock();
  const passed: [string, number][] = [];
  const paced = new PacedKinds<string>(10_000, clock.after.bind(clock), (item, count) =>
    passed.push([item, count]),
  );
  return { clock, paced, passed };
}

test('each kind is paced by itself, and forgotten when it has been quiet', async () => {
  const { clock, paced, passed } = pace();
  for (const item of ['a1', 'b1', 'a2', 'a3']) paced.add(item.charAt(0), item);
  assert.deepEqual(passed, [
    ['a1', 1],
    ['b1', 1],
  ]);
  await clock.pass(10_000);
  assert.deepEqual(passed.slice(2), [['a3', 2]]);
  assert.equal(paced.size, 1);
  await clock.pass(10_000);
  assert.equal(paced.size, 0);
  paced.add('a', 'a4');
  assert.deepEqual(passed.slice(3), [['a4', 1]]);
});

test('what waits of all kinds can be had before its time, and nothing comes after it', async () => {
  const { clock, paced, passed } = pace();
  for (const item of ['a1', 'b1', 'a2', 'b2']) paced.add(item.charAt(0), item);
  paced.flush();
  paced.flush();
  await clock.pass(60_000);
  assert.deepEqual(passed.slice(2), [
    ['a2', 1],
    ['b2', 1],
  ]);
});
