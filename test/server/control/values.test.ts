import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkerStatus, formatTime, waitStatus } from '../../../server/control/values.js';

test('a time is in UTC without a zone, always with six digits of a fraction', () => {
  const ms = Date.UTC(2026, 10, 20, 20, 11, 48);
  assert.equal(formatTime(ms), '2026-11-20T20:11:48.000000', 'a monitor parses a fraction, be it zero');
  assert.equal(formatTime(ms + 859), '2026-11-20T20:11:48.859000');
  assert.equal(formatTime(ms + 859.875), '2026-11-20T20:11:48.859875');
  assert.equal(formatTime(-1), '1969-12-31T23:59:59.999000');
  // Days come and go in any order.
  for (let day = -2; day < 40_000; day += 997) {
    for (const ofDayMs of [0, 86_399_999, (day * 7919 + 1e7) % 86_400_000]) {
      const time = day * 86_400_000 + ofDayMs;
      assert.equal(formatTime(time), new Date(time).toISOString().replace('Z', '000'));
    }
  }
  assert.equal(formatTime(undefined), '', 'a time that has not come');
});

test('the status of the last checker is its exit status, -1 for one that was killed, -2 for none', () => {
  assert.equal(checkerStatus({ kind: 'exited', status: 7 }), 7);
  assert.equal(checkerStatus({ kind: 'killed', signal: 9 }), -1);
  assert.equal(checkerStatus(undefined), -2);
});

test("the wait status is the original's, which for a signal is a number of its own", () => {
  assert.equal(waitStatus({ kind: 'exited', status: 0 }), 0);
  assert.equal(waitStatus({ kind: 'exited', status: 7 }), 1792);
  assert.equal(waitStatus({ kind: 'killed', signal: 9 }), -247);
  assert.equal(waitStatus({ kind: 'killed', signal: 15 }), -241);
});
