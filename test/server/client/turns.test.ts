import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../../server/client/turns.js';

test('each turn begins when those before it are over, whether they failed or not', async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const turn = (name: string, fails = false) =>
    turns.take(async () => {
      seen.push(`${name} begins`);
      await new Promise(resolve => setImmediate(resolve));
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const first = turn('first', true);
  const second = turn('second');
  await assert.rejects(first, /^Error: first$/);
  assert.equal(await second, 'second');
  assert.deepEqual(seen, ['first begins', 'first ends', 'second begins', 'second ends']);
});
