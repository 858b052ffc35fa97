import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  MINUTES_OF_WEEK,
  parseReleaseWindow,
  releaseWindowAt,
} from '../../../server/client/release-window.js';
import { pick, seededRandom } from '../../support/random.js';

const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

function read(text: string): string {
  const parsed = parseReleaseWindow(text);
  assert.ok('value' in parsed, 'problem' in parsed ? parsed.problem : '');
  return parsed.value;
}

/** `Tue 08:30` in minutes of a week. */
function at(text: string): number {
  const [day = '', time = ''] = text.split(' ');
  const [hours, minutes] = time.split(':').map(Number);
  return (DAYS.indexOf(day) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0);
}

const nextBegin = (text: string) => ({ nextBegin: text });

test('texts that mean the same windows are read as the same', () => {
  const cases: readonly (readonly [text: string, read: string])[] = [
    ['', ''],
    [' \n ', ''],
    ['08:00-18:00', 'Mon-Sun 08:00-18:00'],
    ['mon-FRI   08:00 - 18:00', 'Mon-Fri 08:00-18:00'],
    ['Mon, Tue,Wed 08:00-18:00', 'Mon-Wed 08:00-18:00'],
    ['Sat,Sun 10:00-12:00', 'Sat,Sun 10:00-12:00'],
    ['Sat-Mon 10:00-12:00', 'Mon,Sat,Sun 10:00-12:00'],
    ['Mon-Fri 08:00-18:00,\n  Sat,Sun 22:00-02:00', 'Mon-Fri 08:00-18:00, Sat,Sun 22:00-02:00'],
    ['00:00-24:00', 'Mon-Sun 00:00-24:00'],
    ['22:00-00:00', 'Mon-Sun 22:00-24:00'],
  ];
  for (const [text, expected] of cases) {
    assert.equal(read(text), expected);
    assert.equal(read(expected), expected);
  }
});

test('what could be meant in two ways, or means nothing, is refused', () => {
  const cases: readonly (readonly [text: string, problem: RegExp])[] = [
    [
      'Mon-Fri 08:00-12:00, 14:00-18:00',
      /"14:00-18:00" has no days, and others have \(Mon-Sun is every day\)/,
    ],
    ['14:00-18:00, Mon 08:00-12:00', /"14:00-18:00" has no days/],
    ['Mon', /ends with days that have no time/],
    ['Mon 08:00-09:00, Tue', /ends with days that have no time/],
    ['8:00-18:00', /"8:00-18:00" is not "\[DAYS \]HH:MM-HH:MM"/],
    ['Montag 08:00-18:00', /is not "\[DAYS/],
    ['Mxn 08:00-18:00', /"Mxn 08:00-18:00" has a day that there is not/],
    ['08:00-18:00,', /"" is not/],
    ['08:00', /is not "\[DAYS/],
    ['Mon08:00-09:00', /is not "\[DAYS/],
    ['24:00-25:00', /has a time that no day has/],
    ['08:60-09:00', /has a time that no day has/],
    ['08:00-24:01', /has a time that no day has/],
    ['08:00-08:00', /is no time at all \(00:00-24:00 is the whole day\)/],
    [Array.from({ length: 101 }, () => '08:00-09:00').join(), /more than 100 times/],
  ];
  for (const [text, problem] of cases) {
    const parsed = parseReleaseWindow(text);
    assert.ok('problem' in parsed, text);
    assert.match(parsed.problem, problem);
  }
});

test('a window is open from its first minute to before its last, and says when it begins again', () => {
  const text = read('Mon-Fri 08:00-18:00, Sat 22:00-02:00');
  const cases: readonly (readonly [now: string, expected: unknown])[] = [
    ['Mon 07:59', nextBegin('Mon 08:00')],
    ['Mon 08:00', true],
    ['Mon 17:59', true],
    ['Mon 18:00', nextBegin('Tue 08:00')],
    ['Fri 18:00', nextBegin('Sat 22:00')],
    ['Sat 22:00', true],
    ['Sun 01:59', true],
    ['Sun 02:00', nextBegin('Mon 08:00')],
    ['Sun 23:59', nextBegin('Mon 08:00')],
  ];
  for (const [now, expected] of cases) assert.deepEqual(releaseWindowAt(text, at(now)), expected, now);
});

test('a window of Sunday night reaches into Monday, and the whole week is always open', () => {
  assert.equal(releaseWindowAt(read('Sun 23:00-01:00'), at('Mon 00:59')), true);
  assert.deepEqual(releaseWindowAt(read('Sun 23:00-01:00'), at('Mon 01:00')), nextBegin('Sun 23:00'));
  for (let minute = 0; minute < MINUTES_OF_WEEK; minute += 7) {
    assert.equal(releaseWindowAt('', minute), true);
    assert.equal(releaseWindowAt(read('00:00-24:00'), minute), true);
  }
});

test('what is said of the next window is right for any windows and any time', () => {
  const random = seededRandom(7);
  const integer = (below: number) => Math.floor(random() * below);
  const two = (value: number) => String(value).padStart(2, '0');
  for (let run = 0; run < 300; run++) {
    const windows = Array.from({ length: 1 + integer(3) }, () => {
      const times = [integer(24), integer(60), integer(24), integer(60)].map(two);
      return `${pick(random, ['Mon', 'Wed-Fri', 'Sat-Mon', 'Tue,Sun'])} ${times[0]}:${times[1]}-${times[2]}:${times[3]}`;
    }).join(', ');
    const parsed = parseReleaseWindow(windows);
    if ('problem' in parsed) continue;
    const now = integer(MINUTES_OF_WEEK);
    const state = releaseWindowAt(parsed.value, now);
    if (state === true) continue;
    // Closed all the time until then, and open then.
    const begin = at(state.nextBegin);
    for (let minute = now; minute !== begin; minute = (minute + 1) % MINUTES_OF_WEEK)
      assert.notEqual(releaseWindowAt(parsed.value, minute), true, `${windows} at ${minute}`);
    assert.equal(releaseWindowAt(parsed.value, begin), true, windows);
  }
});
