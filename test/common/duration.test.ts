import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, LONGEST_DURATION_MS, parseDuration } from '../../common/duration.js';
import { seededRandom } from '../support/random.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function problemOf(text: string): string | undefined {
  const parsed = parseDuration(text);
  return 'problem' in parsed ? parsed.problem : undefined;
}

test('a month has 4 weeks and a year 52, as in the original', () => {
  assert.deepEqual(parseDuration('P1M'), { ms: 28 * DAY });
  assert.deepEqual(parseDuration('P1Y'), { ms: 364 * DAY });
  assert.deepEqual(parseDuration('P1Y2M3DT4H5M6S'), {
    ms: (364 + 2 * 28 + 3) * DAY + (4 * 60 + 5) * MINUTE + 6000,
  });
});

test('the older format is a sum of numbers with units', () => {
  assert.deepEqual(parseDuration('1w 2d 3h 4m 5s'), { ms: 9 * DAY + 184 * MINUTE + 5000 });
  assert.deepEqual(parseDuration('5m 5m'), { ms: 10 * MINUTE });
});

test('a wrong duration is answered with what was probably meant', () => {
  const suggestions = {
    '5 parsecs': 'PT5M',
    '': 'PT5M',
    P: 'PT5M',
    PT: 'PT5M',
    'five minutes': 'PT5M',
    p1d: 'P1D',
    pt90s: 'PT1M30S',
    [`P${'9'.repeat(30)}Y1D`]: 'PT5M',
    PT1H5S: 'PT1H0M5S',
    P1Y1D: 'P365D',
    '5 min': 'PT5M',
    '90 seconds': 'PT1M30S',
    '2 days': 'P2D',
    '1 h': 'PT1H',
    P5: 'PT5M for minutes or PT5S for seconds',
    '5': 'PT5M for minutes or PT5S for seconds',
    P0YT: 'PT5M',
    '3 monkeys': 'PT5M',
  };
  for (const [text, suggestion] of Object.entries(suggestions)) {
    assert.equal(problemOf(text), `"${text}" is not an RFC 3339 duration (try ${suggestion})`);
  }
});

test('what is suggested is a duration', () => {
  const random = seededRandom(7);
  for (let i = 0; i < 2000; i++) {
    const text = Array.from({ length: 6 }, () => 'PTYMWDHSpt05 am-.'[Math.floor(random() * 17)]).join('');
    const [, suggestion] = /\(try (\S+)/.exec(problemOf(text) ?? '') ?? [];
    if (suggestion?.endsWith(')')) assert.equal(problemOf(suggestion.slice(0, -1)), undefined, text);
  }
});

test('durations end at a thousand years', () => {
  assert.deepEqual(parseDuration('P1000Y'), { ms: LONGEST_DURATION_MS });
  assert.equal(problemOf('P1000YT1S'), '"P1000YT1S" is too long (allowed: up to P1000Y)');
  const digits = '9'.repeat(400);
  assert.equal(problemOf(`PT${digits}S`), `"PT${'9'.repeat(58)}…" is too long (allowed: up to P1000Y)`);
});

test('a duration is written without units that are zero at either end', () => {
  const texts = {
    PT0S: 0,
    PT1S: 1000,
    PT5M: 5 * MINUTE,
    PT1H0M5S: 60 * MINUTE + 5000,
    P1D: DAY,
    P1DT12H: 1.5 * DAY,
    P7DT1M: 7 * DAY + MINUTE,
    'PT1.5S': 1500,
    'PT0.001S': 1,
  };
  for (const [text, ms] of Object.entries(texts)) assert.equal(formatDuration(ms), text);
});

test('what is written is read as the same', () => {
  const random = seededRandom(11);
  for (let i = 0; i < 5000; i++) {
    const ms = Math.floor(random() ** 4 * (LONGEST_DURATION_MS / 1000)) * 1000;
    assert.deepEqual(parseDuration(formatDuration(ms)), { ms }, formatDuration(ms));
  }
});
