import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectReferences, expandValue } from '../../common/config-expansion.js';

const options = new Map([
  ['host', 'web1'],
  ['domain', 'example.org'],
  ['name', '%(host)s.%(domain)s'],
  ['circle', '%(circle)s'],
]);
const expand = (raw: string) => expandValue(raw, key => options.get(key));

test('references are expanded, within references too, and regardless of case', () => {
  assert.deepEqual(expand('ping %(NAME)s 100%%'), { value: 'ping web1.example.org 100%' });
});

test('what cannot be expanded is named', () => {
  assert.deepEqual(expand('%(nope)s'), {
    problem: 'refers to "%(nope)s", but there is no option "nope"',
    missing: 'nope',
  });
  // No option has such a name; it may be a part of a secret.
  for (const name of ['hqioa6qdejbs2l/heaf', 'hqioa6qdejbs2lheafhqioa6qdejbs2lheaf']) {
    assert.deepEqual(expand(`%(${name})s`), {
      problem: 'refers to "%(…)s", but there is no option "…"',
      missing: name,
    });
  }
  assert.deepEqual(expand('%(circle)s'), {
    problem: 'refers to options that refer to others, over 10 deep or in a circle',
  });
  for (const raw of ['100%', '%x', '%(host)', '%()s', '%(host', '%%%']) {
    assert.deepEqual(
      expand(raw),
      { problem: 'has a "%" that is not part of "%(option)s" (write "%%" for a percent character)' },
      raw,
    );
  }
});

test('references that multiply end', () => {
  const bomb = (leaf: string) => (key: string) =>
    key === 'k9' ? leaf : `%(k${Number(key.slice(1)) + 1})s`.repeat(100);
  for (const leaf of ['', 'boom']) {
    assert.deepEqual(expandValue('%(k0)s', bomb(leaf)), {
      problem: 'expands to more than 131072 characters',
    });
  }
});

test('references are collected by the name that is looked up', () => {
  const references = new Set<string>();
  collectReferences('%(Host)s and %(domain)s', references);
  collectReferences('nothing', references);
  assert.deepEqual([...references], ['host', 'domain']);
});
