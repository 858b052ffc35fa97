import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CheckerSlots } from '../../../server/checker/checker-slots.js';
import { recorder } from './recorder.js';

/** Places for things that end when they are told to. */
function scene(max: number) {
  const { log, lines } = recorder('info');
  const state = { max, nowMs: 0 };
  const slots = new CheckerSlots(
    log,
    () => state.max,
    () => state.nowMs,
  );
  const running = new Map<string, () => void>();
  const take = (name: string) => slots.take(release => running.set(name, release));
  const end = (name: string) => {
    const release = running.get(name);
    assert.ok(release, `${name} runs`);
    running.delete(name);
    release();
    // Once more gives no second place back.
    release();
  };
  return { state, lines, slots, take, end, running: () => [...running.keys()].join('') };
}

test('no more at once than allowed; the first come is the first to begin', () => {
  const { take, end, running } = scene(2);
  for (const name of ['a', 'b', 'c', 'd', 'e']) take(name);
  assert.equal(running(), 'ab');
  end('b');
  assert.equal(running(), 'ac');
  end('a');
  end('c');
  assert.equal(running(), 'de');
});

test('who gives up waiting is not begun, and who has begun does not give up', () => {
  const { take, end, running } = scene(1);
  const [leaveA, leaveB] = ['a', 'b', 'c'].map(take);
  leaveB?.();
  leaveA?.();
  assert.equal(running(), 'a');
  end('a');
  assert.equal(running(), 'c');
});

test('a new limit is in effect with the next that comes or ends', () => {
  const { state, take, end, running } = scene(1);
  for (const name of ['a', 'b', 'c']) take(name);
  state.max = 3;
  take('d');
  assert.equal(running(), 'abc');
  state.max = 1;
  end('a');
  end('b');
  assert.equal(running(), 'c');
  end('c');
  assert.equal(running(), 'd');
});

test('ten thousand that end as they begin take their turns', () => {
  const { slots, take, end } = scene(1);
  take('first');
  let count = 0;
  for (let i = 0; i < 10_000; i++) {
    slots.take(release => {
      count++;
      release();
    });
  }
  assert.equal(count, 0);
  end('first');
  assert.equal(count, 10_000);
});

test('that checks wait is said when it begins and when it is over, not in between', () => {
  const { state, lines, take, end } = scene(1);
  take('a');
  assert.deepEqual(lines, []);
  take('b');
  const begun =
    'warning: checks wait for others to end, with 1 checker at once (max_checkers): do some hang?';
  assert.deepEqual(lines, [begun]);
  state.nowMs = 5_000;
  end('a');
  // At the limit each moment, for an hour.
  for (; state.nowMs < 3_600_000; state.nowMs += 7_000) {
    take('c');
    end('b');
    take('b');
    end('c');
  }
  assert.deepEqual(lines, [begun]);
  state.nowMs += 60_000;
  end('b');
  assert.equal(lines.length, 2);
  assert.match(lines[1] ?? '', /^info: checks do not wait for others any more; \d{4} did, up to 5 s$/);
  take('a');
  take('b');
  assert.equal(lines.length, 3, 'and again');
});
