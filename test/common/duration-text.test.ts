import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationText } from '../../common/duration-text.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

test('a duration is said in its two largest units, and cut off there', () => {
  const texts: readonly (readonly [number, string])[] = [
    [0, '0 s'],
    [999, '0 s'],
    [1000, '1 s'],
    [59_999, '59 s'],
    [MINUTE_MS, '1 min'],
    [4 * MINUTE_MS + 10_900, '4 min 10 s'],
    [HOUR_MS, '1 h'],
    [HOUR_MS + 59_000, '1 h'],
    [23 * HOUR_MS + 59 * MINUTE_MS, '23 h 59 min'],
    [3 * DAY_MS + 2 * HOUR_MS + 5 * MINUTE_MS, '3 d 2 h'],
    [400 * DAY_MS, '400 d'],
  ];
  for (const [ms, text] of texts) assert.equal(durationText(ms), text);
});

test('what lies in the future by a rounding of a clock was just now', () => {
  assert.equal(durationText(-5), '0 s');
});
