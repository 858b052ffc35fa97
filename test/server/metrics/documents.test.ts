import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { hasCommand } from '../../support/requires.js';
import { makeSeries } from './scene.js';

const DOCS = fileURLToPath(new URL('../../../../docs/', import.meta.url));
const RULES = join(DOCS, 'prometheus/alerts.yml');
const read = (file: string) => readFileSync(join(DOCS, file), 'utf8');

interface Series {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

/** What the server exports, with all labels that a value has. */
async function exported(): Promise<Map<string, Series>> {
  const { series } = makeSeries([]);
  const all = await series.getMetricsAsJSON();
  return new Map(
    all.map(({ name, type, values }) => {
      const labels = new Set(values.flatMap(value => Object.keys(value.labels)));
      labels.delete('le');
      return [name, { name, type: String(type), labels: [...labels] }];
    }),
  );
}

/** Names of PromQL that look like those of series. */
const LABELS = /\b(?:by|ignoring|on|without) \([^)]*\)/g;

/** The series of an expression, with the matchers of their labels. */
function used(expression: string): { name: string; matchers: [string, string, string][] }[] {
  const text = expression.replace(LABELS, '');
  return [...text.matchAll(/\b([a-z]+(?:_[a-z]+)+)\b(?!\()(?:\{([^}]*)\})?/g)]
    .filter(([, name = '']) => /^(?:mandos|process|nodejs)_/.test(name))
    .map(([, name = '', inner = '']) => ({
      name,
      matchers: [...inner.matchAll(/(\w+)(=~?)"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => [label, operator, value],
      ),
    }));
}

/** Labels that Prometheus gives each series of a target. */
const OF_TARGET = new Set(['job', 'instance']);

async function assertExported(expressions: readonly string[], file: string): Promise<void> {
  const series = await exported();
  const { scrape } = makeSeries([]);
  const values = [...(await scrape()).keys()];
  for (const expression of expressions) {
    const names = used(expression);
    assert.ok(names.length > 0 || expression.startsWith('up{'), `${file}: ${expression}`);
    for (const { name, matchers } of names) {
      const found = series.get(name.replace(/_(?:bucket|sum|count)$/, ''));
      assert.ok(found, `${file}: ${name} is not exported`);
      for (const [label, operator, value] of matchers) {
        if (OF_TARGET.has(label)) continue;
        assert.ok(found.labels.includes(label), `${file}: ${name} has no label ${label}`);
        const alternatives = operator === '=' ? [value] : value.split('|');
        for (const each of alternatives) {
          assert.ok(
            values.some(row => row.startsWith(name) && row.includes(`${label}="${each}"`)),
            `${file}: ${name} has no ${label} ${each}`,
          );
        }
      }
    }
  }
}

test('docs/metrics.md has each series that is exported, with type and labels, and no other', async () => {
  const rows = read('metrics.md')
    .split('\n')
    .filter(line => /^\| `(?:mandos|process|nodejs)_/.test(line))
    .map(line =>
      line
        .split('|')
        .slice(1, 4)
        .map(cell => cell.trim().replaceAll('`', '')),
    )
    .map(([name, type, labels = '']) => [name, type, labels.split(', ').filter(label => label !== '')]);
  const series = [...(await exported()).values()].map(({ name, type, labels }) => [name, type, labels]);
  const byName = (all: unknown[][]) => all.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  assert.deepEqual(byName(rows), byName(series));
});

test('docs/metrics.md has each state of clients', async () => {
  const { scrape } = makeSeries([]);
  const states = [...(await scrape()).keys()].flatMap(
    row => /^mandos_clients\{state="(\w+)"\}/.exec(row)?.[1] ?? [],
  );
  const [, table = ''] = read('metrics.md').split('Values of `state`');
  const documented = [...table.matchAll(/^\| `(\w+)` +\| (?!a client)/gm)].map(([, state]) => state);
  assert.deepEqual(new Set(documented), new Set(states));
});

test('the dashboard shows series that are exported', async () => {
  const dashboard = JSON.parse(read('grafana/mandos.json')) as {
    title: string;
    panels: { id: number; title: string; targets: { expr: string }[] }[];
    templating: { list: { name: string; definition?: string }[] };
  };
  const { panels } = dashboard;
  assert.equal(dashboard.title, 'Mandos');
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  assert.ok(panels.every(({ title, targets }) => title !== '' && targets.length > 0));
  const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  const variables = dashboard.templating.list.flatMap(({ definition }) => definition ?? []);
  await assertExported([...expressions, ...variables], 'mandos.json');
  // Each variable that is used is there.
  const names = new Set(dashboard.templating.list.map(({ name }) => name));
  for (const [, name = ''] of JSON.stringify(panels).matchAll(/\$\{?(\w+)/g))
    assert.ok(names.has(name) || name.startsWith('__'), name);
});

test('the rules for alerts refer to series that are exported', async () => {
  const text = readFileSync(RULES, 'utf8').replace(/>-\n\s+/g, '');
  const expressions = [...text.matchAll(/^ +expr: (.*(?:\n {10,}(?:and|or|unless) .*)*)/gm)].map(
    ([, expression = '']) => expression,
  );
  assert.equal(expressions.length, text.match(/^ +- alert: /gm)?.length);
  await assertExported(expressions, 'alerts.yml');
  for (const name of [
    'Down',
    'Impostor',
    'ClientExpiring',
    'ClientDisabled',
    'StateNotStored',
    'EventLoopSlow',
  ])
    assert.ok(text.includes(`- alert: Mandos${name}\n`), name);
});

if (hasCommand('promtool')) {
  test('promtool takes the rules', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  });
}
