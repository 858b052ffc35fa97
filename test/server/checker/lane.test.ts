import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostCheck, Lane } from '../../../server/checker/lane.js';

/** A lane of runs that end when they are told to. */
function lane(options: { runSize: number; runsMax: number; collectMs: number }) {
  const runs: { hosts: string[]; end: () => void }[] = [];
  let started: () => void = () => {};
  const made = new Lane({
    ...options,
    run: checks =>
      new Promise(resolve => {
        runs.push({ hosts: checks.map(check => check.host), end: resolve });
        started();
      }),
  });
  return {
    add: (...hosts: string[]) => {
      const checks = hosts.map(host => new HostCheck(host, 'web1'));
      for (const check of checks) made.add(check);
      return checks;
    },
    hosts: () => runs.map(run => run.hosts.join('')),
    /** Ends a run; resolves when the next has started. */
    end: async (index: number) => {
      const next = new Promise<void>(resolve => {
        started = resolve;
      });
      runs[index]?.end();
      await next;
    },
    start: async () => {
      await new Promise<void>(resolve => {
        started = resolve;
      });
    },
  };
}

test('a full run starts at once, the rest after a while', async () => {
  const { add, hosts, start } = lane({ runSize: 2, runsMax: 9, collectMs: 50 });
  add('a', 'b', 'c');
  assert.deepEqual(hosts(), ['ab']);
  await start();
  assert.deepEqual(hosts(), ['ab', 'c']);
});

test('no more runs than allowed; what waits meanwhile goes together, in order', async () => {
  const { add, hosts, end } = lane({ runSize: 3, runsMax: 2, collectMs: 0 });
  add('a', 'b', 'c', 'd', 'e', 'f');
  add('g');
  add('h');
  assert.deepEqual(hosts(), ['abc', 'def']);
  await end(1);
  assert.deepEqual(hosts(), ['abc', 'def', 'gh']);
});

test('a check that is stopped while it waits is in no run', async () => {
  const { add, hosts, start } = lane({ runSize: 3, runsMax: 1, collectMs: 50 });
  const [a, b] = add('a', 'b');
  await a?.stop();
  await a?.stop();
  assert.deepEqual(await a?.done, { kind: 'killed', signal: 15 });
  await start();
  assert.deepEqual(hosts(), ['b']);
  assert.equal(b?.command, 'fping -q -- b');
});
