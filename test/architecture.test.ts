import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BIN = join(ROOT, 'node_modules/.bin');

/**
 * Lints files that hold just this, at these places, by the project's own configuration.
 * @returns the places where it objects to an import, and which
 */
function restricted(files: Readonly<Record<string, string>>): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'architecture-'));
  try {
    copyFileSync(join(ROOT, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(directory, dirname(file)), { recursive: true });
      writeFileSync(join(directory, file), `${text}\n`);
    }
    const { stdout, stderr } = spawnSync(join(BIN, 'oxlint'), ['--format=unix'], {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${BIN}` },
    });
    assert.match(stdout, /\d+ problems?$/m, stderr);
    return [...stdout.matchAll(/^([^:]+):.*'([^']+)' import is restricted/gm)]
      .map(([, file, specifier]) => `${file} -> ${specifier}`)
      .toSorted();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const use = (specifier: string) => `export * from '${specifier}';`;

test('an import against the direction of the architecture is an error of the linter', () => {
  const forbidden: Record<string, readonly string[]> = {
    'common/a.ts': ['../server/x.js', '../client-plugin/x.js', '../monitor/x.js', '../test/support/x.js'],
    'common/tls/a.ts': ['../../server/x.js'],
    'client-plugin/a.ts': ['../server/main.js', '../monitor/x.js', '../test/support/x.js'],
    'client-plugin/keygen/a.ts': ['../../server/client/settings.js'],
    'monitor/a.ts': ['../server/x.js', '../client-plugin/x.js'],
    'server/main.ts': ['../client-plugin/x.js', '../monitor/x.js', '../demo/x.js'],
    'server/client/a.ts': ['../main.js', '../release/x.js', '../../monitor/x.js', 'node:fs', 'lmdb'],
    'server/alerts/a.ts': ['../audit/x.js', '../metrics/x.js'],
    'server/audit/a.ts': ['../alerts/x.js', '../control/x.js', '../state/x.js', '../../test/support/x.js'],
    'server/release/a.ts': [
      '../audit/x.js',
      '../discovery/x.js',
      '../state/x.js',
      '../../client-plugin/x.js',
    ],
    'server/discovery/a.ts': ['../audit/x.js', '../host/x.js', '../../server/release/x.js'],
    'server/host/a.ts': ['../audit/x.js', '../control/x.js', '../metrics/x.js'],
    'server/metrics/a.ts': ['../alerts/x.js', '../release/x.js'],
    'server/state/a.ts': ['../audit/x.js', '../checker/x.js'],
    'server/control/deep/a.ts': ['../../audit/x.js', '../../state/x.js'],
    'server/checker/a.ts': ['../audit/x.js', '../release/x.js'],
    'server/config/a.ts': ['../audit/x.js'],
    'server/import/a.ts': ['../audit/x.js'],
  };
  const expected = Object.entries(forbidden).flatMap(([file, imports]) =>
    imports.map(each => `${file} -> ${each}`),
  );
  const files = Object.entries(forbidden).map(([file, imports]) => [file, imports.map(use).join('\n')]);
  assert.deepEqual(restricted(Object.fromEntries(files)), expected.toSorted());
});

test('type imports count like all others', () => {
  const text = "import type { A } from '../server/x.js';\nexport const a: A = 1;";
  assert.deepEqual(restricted({ 'common/a.ts': text }), ['common/a.ts -> ../server/x.js']);
});

test('imports along the direction of the architecture are allowed', () => {
  const allowed = {
    'common/a.ts': ['node:fs', 'koffi', './b.js', './tls/b.js'],
    'common/tls/a.ts': ['../errors.js', '../dbus/bus.js'],
    'server/main.ts': ['./release/x.js', './client/x.js', '../common/x.js'],
    'server/client/a.ts': ['./b.js', '../../common/errors.js', '../../common/tls/x.js'],
    'server/audit/a.ts': ['./b.js', '../client/x.js', '../../common/x.js', 'node:fs'],
    'server/metrics/a.ts': ['./b.js', '../client/x.js', '../../common/x.js', 'prom-client'],
    'server/release/a.ts': ['./b.js', '../client/x.js', '../../common/x.js', 'node:net'],
    'server/control/deep/a.ts': ['../b.js', '../../client/x.js', '../../../common/discovery/x.js'],
    'client-plugin/keygen/a.ts': ['../decrypt.js', '../../common/x.js'],
    'monitor/a.ts': ['./b.js', '../common/x.js'],
    'test/a.test.ts': ['../server/release/x.js', '../client-plugin/x.js'],
  };
  const files = Object.entries(allowed).map(([file, imports]) => [file, imports.map(use).join('\n')]);
  // One that is forbidden shows that the linter has looked.
  const control = { 'common/control.ts': use('../server/x.js') };
  assert.deepEqual(restricted({ ...Object.fromEntries(files), ...control }), [
    'common/control.ts -> ../server/x.js',
  ]);
});
