import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { textOf } from './scene.js';
import { helpLines } from '../../../monitor/screen/help.js';
import { actionOf, BINDINGS, keyLabels } from '../../../monitor/screen/keys.js';

const ALL = BINDINGS.flatMap(({ bindings }) => bindings);

test('no key does two things', () => {
  const keys = ALL.flatMap(binding => binding.keys);
  assert.deepEqual(
    keys.filter((key, i) => keys.indexOf(key) !== i),
    [],
  );
  for (const { action, keys: own } of ALL) for (const key of own) assert.equal(actionOf(key), action);
});

test("the original's keys do what they do there", () => {
  const original = {
    quit: ['q', 'Q'],
    redraw: ['C-l'],
    help: ['?', 'f1'],
    'toggle-log': ['l', 'D'],
    'switch-pane': ['tab'],
    'toggle-wrap': ['w', 'i'],
    'toggle-verbose': ['v'],
    up: ['up', 'C-p', 'k'],
    down: ['down', 'C-n', 'j'],
    'page-up': ['pageup', 'M-v', 'b'],
    'page-down': ['pagedown', 'C-v', 'space', 'f'],
    enable: ['+'],
    disable: ['-'],
    approve: ['a'],
    deny: ['d'],
    remove: ['R', '_', 'C-k'],
    'start-checker': ['s'],
    'stop-checker': ['S'],
    'checked-ok': ['C'],
  };
  for (const [action, keys] of Object.entries(original))
    for (const key of keys) assert.equal(actionOf(key), action, key);
});

test('mandos-monitor.8 has an entry for each key that is bound, and for no other', () => {
  const page = readFileSync(
    fileURLToPath(new URL('../../../../packaging/man/mandos-monitor.8', import.meta.url)),
    'utf8',
  );
  const section = page.split('\n.SH KEYS\n')[1]?.split('\n.SH ')[0] ?? '';
  const groups = section
    .replace(/\\f./g, '')
    .replaceAll('\\-', '-')
    .split('.SS ')
    .slice(1)
    .map(group => {
      const [title = '', ...rest] = group.split('\n.TP\n');
      return { title: title.replaceAll('"', ''), entries: rest.map(entry => entry.trim().split('\n')) };
    })
    .filter(({ entries }) => entries.length > 0);
  assert.deepEqual(
    groups,
    BINDINGS.map(({ title, bindings }) => ({
      title,
      entries: bindings.map(({ keys, help }) => [keyLabels(keys), `${help}.`]),
    })),
  );
});

test('the help screen has a line for each key that is bound', () => {
  for (const width of [80, 200]) {
    const text = helpLines(width).map(textOf).join('\n');
    for (const { keys, help } of ALL) {
      const line = text.split('\n').find(one => one.includes(help));
      assert.ok(line?.includes(`   ${keyLabels(keys)} `), help);
    }
  }
});
