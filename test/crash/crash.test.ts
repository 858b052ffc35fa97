import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { Child } from '../support/child.js';
import { requires } from '../support/requires.js';
import { crash, UNDISTURBED } from './crash.js';
import { decide, parseLog, possibleStates, toText } from './model.js';

const ROUNDS = 20;

function scratchDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'crash-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('what a server has acknowledged is there after it was killed, at whatever moment', async t => {
  const scratch = scratchDirectory(t);
  const { asked, stored, refused } = await crash(ROUNDS, 1, join(scratch, 'state'), scratch, UNDISTURBED);
  assert.ok(stored > ROUNDS && asked > stored, `${asked} asked for, ${stored} stored`);
  assert.equal(refused, 0);
});

test('that is so on a disk that is full now and then, too', requires('root', 'netns'), async t => {
  const scratch = scratchDirectory(t);
  const mountPoint = join(scratch, 'disk');
  mkdirSync(mountPoint);
  // Keeps the namespace, and so the file system, from one life of the server to the next.
  const script = 'mount -t tmpfs -o size=1m,mode=700 tmpfs "$0" && echo mounted && exec cat';
  const args = ['--mount', 'sh', '-c', script, mountPoint];
  const holder = new Child('unshare', args, { keepInputOpen: true }, 'holder');
  t.after(() => holder.stop('SIGKILL'));
  await holder.waitForOutput(/mounted/);
  const filler = join(`/proc/${holder.pid}/root${mountPoint}`, 'filler');
  const disturb = (random: () => number) => {
    if (random() < 0.6) fill(filler);
    else rmSync(filler, { force: true });
  };
  const command = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`];
  const state = join(mountPoint, 'state');
  const { stored, refused } = await crash(ROUNDS, 2, state, scratch, { command, disturb, canFail: true });
  assert.ok(stored > 0 && refused > 0, `${stored} stored, ${refused} refused`);
});

function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, Buffer.alloc(4096), { flag: 'a' });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
}

test('the proof notices what is lost, torn or revived', () => {
  const model = { enabled: true, host: 'h', secret: 's', approvedMs: 0, releases: 0, lastReleaseMs: 0 };
  const begun = new Map([
    ['a', model],
    ['b', model],
  ]);
  const lines = [
    `begun ${JSON.stringify([...begun])}`,
    'asked 1 disable a',
    'asked 2 set a b',
    'stored 1',
    'refused 2',
    'asked 3 remove b',
    'stored 3',
    'asked 4 set a b c',
  ];
  const texts = (count: number) => possibleStates(parseLog(lines.slice(0, count).join('\n'))).map(toText);
  const disabled = decide(begun, { number: 1, kind: 'disable', names: ['a'] });
  const set = decide(disabled, { number: 2, kind: 'set', names: ['a', 'b'] });
  assert.deepEqual(texts(1), [toText(begun)]);
  assert.deepEqual(texts(3), [begun, disabled, set].map(toText));
  assert.deepEqual(texts(4), [disabled, set].map(toText));
  assert.deepEqual(texts(5), [disabled].map(toText));
  const removed = decide(disabled, { number: 3, kind: 'remove', names: ['b'] });
  assert.deepEqual(texts(7), [removed].map(toText));
  const last = decide(removed, { number: 4, kind: 'set', names: ['a'] });
  assert.deepEqual(texts(8), [removed, last].map(toText));
});
