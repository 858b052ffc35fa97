import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomLife } from './random-life.js';

const RUNS = 1_500;

test('whatever happens in whatever order, no rule of a client’s life is broken', async () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const life = new RandomLife(seed);
    try {
      await life.run();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});

test('the same happenings lead to the same life', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    assert.deepEqual(await new RandomLife(seed).run(), await new RandomLife(seed).run());
  }
});
