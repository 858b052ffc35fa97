import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CORPUS } from './corpus.js';
import { runTarget } from './engine/run-target.js';
import { TARGETS } from './targets.js';

/** For each seed; the examples are tried first, however long that takes. */
const SECONDS = 0.5;
/** What has been tried once is tried again, so that a fault comes back. */
const FIXED_SEED = 1;

for (const target of TARGETS) {
  test(`no input of ${target} does harm`, async t => {
    const findings = mkdtempSync(join(tmpdir(), 'mandos-fuzz-findings-'));
    const random = Math.floor(Math.random() * 2 ** 31);
    const corpora = [join(CORPUS, target)];
    const seeds = [FIXED_SEED, random] as const;
    const report = await runTarget({ target, seeds, seconds: SECONDS, findings, corpora });
    t.diagnostic(`seeds ${seeds.join(', ')}: ${report.executions} executions, ${report.blocks} blocks`);
    // The inputs of findings are left for who looks into them.
    const texts = report.findings.map(
      ({ what, file }) => `${what}\nTo see it again: node dist/test/fuzz/main.js ${target} --replay=${file}`,
    );
    assert.deepEqual(texts, [], `seeds ${seeds.join(', ')}`);
    assert(report.executions > 0);
    rmSync(findings, { recursive: true });
  });
}
