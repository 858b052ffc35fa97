import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLevel } from '../../../common/log.js';
import { createLog } from '../../../common/log.js';
import { RefusalLog } from '../../../server/release/refusal-log.js';

const SECOND = 1000;

/** A log of refusals on a clock that only a test moves. */
function scene(level: LogLevel = 'info') {
  const lines: string[] = [];
  let nowMs = 5 * SECOND;
  let timer: { dueMs: number; run: () => void } | undefined;
  const log = createLog({ write: (of, line) => lines.push(`${of}: ${line}`) }, level);
  const refusals = new RefusalLog(log, {
    nowMs: () => nowMs,
    after: (delayMs, run) => {
      assert.equal(timer, undefined, 'one timer');
      timer = { dueMs: nowMs + delayMs, run };
      return () => (timer = undefined);
    },
  });
  const pass = (seconds: number) => {
    const endMs = nowMs + seconds * SECOND;
    while (timer && timer.dueMs <= endMs) {
      nowMs = timer.dueMs;
      const { run } = timer;
      timer = undefined;
      run();
    }
    nowMs = endMs;
  };
  const isQuiet = () => timer === undefined;
  /** The lines since the last time. */
  const said = () => lines.splice(0);
  return { refusals, pass, said, isQuiet };
}

test('refusals are said one by one as long as they are few', () => {
  const { refusals, said, isQuiet } = scene();
  refusals.stranger('failed', '192.0.2.1', 'refused one');
  refusals.stranger('too-many', '192.0.2.1', 'refused two');
  refusals.client('web1', 'refused three');
  assert.deepEqual(said(), ['warning: refused one', 'warning: refused two', 'warning: refused three']);
  assert.ok(isQuiet());
});

test('a flood from many addresses has twenty lines, and then a sum each 30 s', () => {
  const { refusals, pass, said, isQuiet } = scene();
  for (let i = 0; i < 100; i++) refusals.stranger('failed', `fe80::${i}%eth0`, `line ${i}`);
  assert.deepEqual(
    said(),
    Array.from({ length: 20 }, (_, i) => `warning: line ${i}`),
  );
  pass(29);
  refusals.stranger('unknown-key', '2001:db8::1', 'an unknown key');
  assert.deepEqual(said(), ['warning: an unknown key'], 'another kind has lines of its own');
  pass(1);
  const from = 'fe80::20%eth0, fe80::21%eth0, fe80::22%eth0 and 77 more';
  assert.deepEqual(said(), [`warning: refused 80 more in 30 s: 80 failed before a key was proven (${from})`]);
  pass(3600);
  assert.deepEqual([said(), isQuiet()], [[], true], 'nothing more to say');
});

test('however long a flood lasts, the log grows by a line of each kind and a sum in 30 s', () => {
  const { refusals, pass, said } = scene();
  for (let second = 0; second < 3600; second++) {
    for (let i = 0; i < 10; i++) {
      refusals.stranger('failed', `2001:db8:${second.toString(16)}:${i}::1`, 'failed');
      refusals.stranger('unknown-key', `2001:db8:${second.toString(16)}:${i}::1`, 'unknown');
    }
    pass(1);
  }
  const lines = said();
  assert.ok(lines.filter(line => line.includes('more in')).length >= 115, 'no silence');
  assert.ok(lines.length <= 2 * (20 + 120) + 120, String(lines.length));
  assert.match(lines.at(-1) ?? '', /failed before .* and 2\d\d more\); \d+ unknown key \(/);
});

test('a neighbour who floods from one address leaves the others their lines', () => {
  const { refusals, said } = scene();
  for (let i = 0; i < 1000; i++) refusals.stranger('unknown-key', '2001:db8::1', 'flood');
  assert.equal(said().length, 5);
  refusals.stranger('unknown-key', '2001:db8::2', 'the same network');
  assert.deepEqual(said(), []);
  refusals.stranger('unknown-key', '192.0.2.1', 'another');
  assert.deepEqual(said(), ['warning: another']);
});

test('clients do not keep each other, nor strangers them, from the log', () => {
  const { refusals, pass, said } = scene();
  for (let i = 0; i < 100; i++) refusals.stranger('unknown-key', `fe80::${i}%eth0`, 'flood');
  said();
  for (let again = 0; again < 10; again++) {
    for (let i = 0; i < 100; i++) refusals.client(`web${i}`, `web${i} is disabled`);
  }
  const lines = said();
  for (let i = 0; i < 100; i++) {
    assert.equal(lines.filter(line => line === `warning: web${i} is disabled`).length, 5);
  }
  pass(30);
  assert.match(said()[0] ?? '', /; 500 requests of clients \(web0, web1, web2 and 97 more\)$/);
});

test('a whole fleet that is refused has a thousand lines', () => {
  const { refusals, pass, said } = scene();
  for (let i = 0; i < 5000; i++) refusals.client(`web${i}`, `web${i} is disabled`);
  assert.equal(said().length, 1000);
  pass(30);
  assert.match(said()[0] ?? '', /^warning: refused 4000 more in 30 s: .* and at least 997 more\)$/);
});

test('what is not said is shown at debug level', () => {
  const { refusals, said } = scene('debug');
  for (let i = 0; i < 7; i++) refusals.stranger('failed', '192.0.2.1', `line ${i}`);
  assert.deepEqual(said().slice(4), ['warning: line 4', 'debug: line 5', 'debug: line 6']);
});

test('a log that is closed says what it has counted', () => {
  const { refusals, pass, said, isQuiet } = scene();
  for (let i = 0; i < 8; i++) refusals.stranger('denied-network', '192.0.2.1', 'refused');
  pass(2);
  said();
  refusals.close();
  refusals.close();
  assert.deepEqual(said(), ['warning: refused 3 more in 2 s: 3 not in an allowed network (192.0.2.1)']);
  assert.ok(isQuiet());
});
