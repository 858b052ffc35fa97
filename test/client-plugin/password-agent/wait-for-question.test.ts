import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asking } from '../../../client-plugin/password-agent/wait-for-question.js';
import { waitForQuestion } from '../../../client-plugin/password-agent/wait-for-question.js';
import { SimulatedClock } from '../simulation.js';

const HOUR_MS = 3_600_000;

/** Somebody asks, and the program waits. */
function waiting(asking: Asking) {
  const clock = new SimulatedClock();
  const end = new AbortController();
  const scene = {
    asking,
    clock,
    end,
    outcome: undefined as unknown,
    watched: undefined as unknown,
    notify() {},
  };
  const changes = (look: () => void) => {
    scene.notify = look;
    return () => {
      scene.watched = 'no more';
    };
  };
  void waitForQuestion({ look: () => scene.asking, changes, clock, signal: end.signal }).then(
    outcome => (scene.outcome = outcome),
    (error: unknown) => (scene.outcome = error),
  );
  return scene;
}

test('a question for others is waited with, for hours, until we are asked too', async () => {
  const scene = waiting('others');
  await scene.clock.pass(HOUR_MS);
  assert.equal(scene.outcome, undefined);
  scene.asking = 'us';
  scene.notify();
  await scene.clock.pass(0);
  assert.deepEqual([scene.outcome, scene.watched, scene.clock.pending], [true, 'no more', 0]);
});

test('a change that was not told is seen all the same', async () => {
  const scene = waiting('others');
  await scene.clock.pass(HOUR_MS);
  scene.asking = 'us';
  await scene.clock.pass(1000);
  assert.equal(scene.outcome, true);
});

test('it ends when there has been no question for two seconds, and not between two', async () => {
  const scene = waiting('others');
  for (let i = 0; i < 10; i++) {
    scene.asking = 'nobody';
    await scene.clock.pass(1500);
    scene.asking = 'others';
    await scene.clock.pass(1500);
  }
  assert.equal(scene.outcome, undefined);
  scene.asking = 'nobody';
  await scene.clock.pass(4000);
  assert.deepEqual([scene.outcome, scene.clock.pending], [false, 0]);
});

test('a signal ends it', async () => {
  const scene = waiting('others');
  await scene.clock.pass(0);
  const reason = new Error('enough');
  scene.end.abort(reason);
  await scene.clock.pass(0);
  assert.deepEqual([scene.outcome, scene.clock.pending], [reason, 0]);
});
