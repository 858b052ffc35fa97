import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../../common/token-bucket.js';

test('permissions grow with time, to their limit', () => {
  const bucket = new TokenBucket(2, 3, 1000);
  const take = (nowMs: number) => bucket.take(nowMs);
  const wanted = [true, true, true, false, false, true, false];
  assert.deepEqual([1000, 1000, 1000, 1000, 1499, 1500, 1500].map(take), wanted);
});

test('several permissions are taken together or not at all', () => {
  const bucket = new TokenBucket(1, 3, 0);
  assert.deepEqual(
    [2, 2, 1].map(count => bucket.take(0, count)),
    [true, false, true],
  );
});
