import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Question, Scene } from '../../../client-plugin/unlock/unlock-plan.js';
import { UnlockPlan } from '../../../client-plugin/unlock/unlock-plan.js';

const ask = (volume: string, id: string): Question => ({ id, volume, prompt: `${volume}: ` });
const scene = (volumes: string[], open: string[], ...questions: Question[]): Scene => ({
  volumes,
  open: new Set(open),
  questions,
});

/** A look, after which the question that is to be answered has been. */
function stepAndGive(plan: UnlockPlan, now: Scene) {
  const step = plan.step(now);
  if (step.give) plan.answered(step.give);
  return step;
}

test('without a password nobody is given one, and nothing is expected', () => {
  const step = new UnlockPlan().step(scene(['root'], [], ask('root', '1')));
  assert.equal(step.give, undefined);
  assert.equal(step.done, false);
});

test('a password is given once, and what came of it is said once', () => {
  const plan = new UnlockPlan();
  plan.setPassword('A');
  const asking = scene(['root'], [], ask('root', '1'));
  assert.equal(stepAndGive(plan, asking).give?.id, '1');
  assert.equal(stepAndGive(plan, asking).give, undefined);
  assert.deepEqual(plan.step(scene(['root'], ['root'])), {
    unlocked: ['root'],
    rejected: [],
    give: undefined,
    done: true,
    expecting: false,
  });
  assert.deepEqual(plan.step(scene(['root'], ['root'])).unlocked, []);
});

test('a volume that asks again has rejected the password, and gets a different one once', () => {
  const plan = new UnlockPlan();
  plan.setPassword('A');
  stepAndGive(plan, scene(['root'], [], ask('root', '1')));
  const again = scene(['root'], [], ask('root', '2'));
  assert.deepEqual(stepAndGive(plan, again).rejected, ['root']);
  assert.ok(plan.needsAnother(again));
  assert.equal(stepAndGive(plan, again).expecting, false);
  for (let id = 3; id < 10; id++)
    assert.equal(stepAndGive(plan, scene(['root'], [], ask('root', `${id}`))).give, undefined);
  plan.setPassword('A');
  assert.equal(stepAndGive(plan, again).give, undefined);
  plan.setPassword('B');
  assert.ok(!plan.needsAnother(again));
  assert.equal(stepAndGive(plan, scene(['root'], [], ask('root', '10'))).give?.id, '10');
  assert.deepEqual(stepAndGive(plan, scene(['root'], [], ask('root', '11'))).rejected, ['root']);
  plan.setPassword('A');
  assert.equal(stepAndGive(plan, scene(['root'], [], ask('root', '11'))).give, undefined);
});

test('a password of which nothing has come yet keeps a newer one from being given', () => {
  const plan = new UnlockPlan();
  plan.setPassword('A');
  const asking = scene(['root'], [], ask('root', '1'));
  stepAndGive(plan, asking);
  plan.setPassword('B');
  assert.equal(stepAndGive(plan, asking).give, undefined);
});

test('several that ask for one volume at once are all answered, and none of them is a rejection', () => {
  const plan = new UnlockPlan();
  plan.setPassword('A');
  const both = scene(['root'], [], ask('root', '1'), ask('root', '2'));
  assert.equal(stepAndGive(plan, both).give?.id, '1');
  const rest = scene(['root'], [], ask('root', '2'));
  const step = stepAndGive(plan, rest);
  assert.equal(step.give?.id, '2');
  assert.deepEqual(step.rejected, []);
});

test('a volume that was opened by typing is neither said nor waited for', () => {
  const plan = new UnlockPlan();
  plan.setPassword('A');
  const step = plan.step(scene(['root', 'home'], ['root'], ask('home', '2')));
  assert.deepEqual(step.unlocked, []);
  assert.equal(step.give?.volume, 'home');
  assert.equal(plan.step(scene(['root', 'home'], ['root', 'home'])).done, true);
});

test('as long as nobody knows of a volume it is not over', () => {
  assert.equal(new UnlockPlan().step(scene([], [])).done, false);
  assert.equal(new UnlockPlan().step({ ...scene([], []), isOver: true }).done, true);
});
