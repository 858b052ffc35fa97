import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareLoad } from '../bench/load-run.js';
import { createLan } from '../support/namespace.js';
import { makeKeys } from '../support/programs.js';
import { requires } from '../support/requires.js';
import { growths, isFlat } from './flat.js';
import type { Sample } from './samples.js';
import { soak } from './soak.js';

const NEEDS = requires('root', 'netns', 'dbus', 'fping', 'gcc', 'gnutls-dev');

/** Some seconds of it; `npm run test:soak` has a hundred thousand releases and a million checks. */
const PLAN = { releases: 2_000, bursts: 2, checks: 10_000, clients: 1_000, workers: 2, sampleMs: 500 };

test('after thousands of releases and checks a server holds no more than it held before', NEEDS, async t => {
  const lan = await createLan(t);
  const host = await lan.host('server');
  const keys = await makeKeys(lan.directory, 'client', 'a password');
  const load = await prepareLoad(lan.directory, keys);
  const { before, after, samples, disabled } = await soak({ host, keys, load }, PLAN);
  const { releases = 0, checks = 0 } = samples.at(-1) ?? {};
  assert.ok(releases >= PLAN.releases && checks >= PLAN.checks, `${releases} releases, ${checks} checks`);
  assert.equal(disabled, 0);
  assert.ok(
    after.descriptors <= before.descriptors,
    `${after.descriptors} of ${before.descriptors} descriptors`,
  );
  assert.ok(after.processes <= before.processes, `${after.processes} of ${before.processes} processes`);
  assert.equal(after.checkers, 0);
});

const SAMPLE: Sample = {
  checks: 0,
  releases: 0,
  residentMb: 100,
  peakMb: 100,
  descriptors: 20,
  processes: 2,
  checkers: 3,
  cpuMs: 0,
};

/** Samples of a soak during which something becomes more. */
function growing(more: (i: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: 100 }, (_, i) => ({ ...SAMPLE, ...more(i) }));
}

const flatness = (samples: readonly Sample[]) => growths(samples).map(isFlat);

test('a soak takes what grows while it lasts for a leak', () => {
  assert.deepEqual(flatness(growing(i => ({ residentMb: 100 + i }))), [false, true, true]);
  assert.deepEqual(flatness(growing(i => ({ descriptors: 20 + i }))), [true, false, true]);
  assert.deepEqual(flatness(growing(i => ({ processes: i < 70 ? 2 : 3 }))), [true, true, false]);
});

test('a soak takes what grows at its start, or comes and goes, for no leak', () => {
  assert.deepEqual(flatness(growing(i => ({ residentMb: 100 + Math.min(i, 25) * 5 }))), [true, true, true]);
  const moving = growing(i => ({
    residentMb: 100 + (i % 20),
    descriptors: 20 + (i % 7),
    processes: 2 + (i % 2),
  }));
  assert.deepEqual(flatness(moving), [true, true, true]);
});
