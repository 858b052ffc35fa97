import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { runTarget } from './engine/run-target.js';
import { PLANTED } from './targets.js';

/** Runs the target with faults on these examples, and hardly on anything else. */
async function run(t: TestContext, examples: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'mandos-fuzz-engine-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [corpus, grown] = [join(directory, 'corpus'), join(directory, 'grown')];
  mkdirSync(corpus);
  for (const [i, example] of examples.entries()) writeFileSync(join(corpus, String(i)), example);
  const findings = join(directory, 'findings');
  const corpora = [corpus, grown];
  const request = { target: PLANTED, seeds: [1], seconds: 0.01, findings, corpora, grown } as const;
  const report = await runTarget(request);
  const again = (replay: string) => runTarget({ ...request, replay });
  const found = report.findings.map(({ what, file }) => ({
    what,
    input: Buffer.from(readFileSync(file, 'utf8').trim(), 'hex').toString('latin1'),
  }));
  const kept = readdirSync(grown).map(name => readFileSync(join(grown, name), 'latin1'));
  return { directory, report, found, kept, again };
}

test('a fault is found once, with the least input that has it', async t => {
  const { found } = await run(t, ['before', 'some FAULT here', 'a FAULT there']);
  assert.equal(found.length, 1);
  assert.equal(found[0]?.input, 'FAULT');
  assert.match(found[0]?.what ?? '', /RangeError: planted/);
});

test('what was found is said again of its input alone', async t => {
  for (const example of ['FAULT', 'ABORT', 'LOST']) {
    const { report, again } = await run(t, [example]);
    const [first] = report.findings;
    assert(first);
    const { findings, executions } = await again(first.file);
    const place = (what = '') => what.split('\n', 2).join('\n');
    assert.deepEqual([place(findings[0]?.what), findings.length, executions], [place(first.what), 1, 1]);
    assert.equal(readFileSync(first.file.replace(/hex$/, 'txt'), 'utf8'), `${findings[0]?.what}\n`);
  }
});

test('an input that does no harm is not a finding when it is tried alone', async t => {
  const { directory, again } = await run(t, ['usual']);
  const file = join(directory, 'usual.hex');
  writeFileSync(file, `${Buffer.from('usual').toString('hex')}\n`);
  const { findings, executions } = await again(file);
  assert.deepEqual([findings, executions], [[], 1]);
});

test('an input that ends the process is found', async t => {
  const { found } = await run(t, ['before', 'an ABORT']);
  assert.deepEqual(
    found.map(({ input }) => input),
    ['an ABORT'],
  );
  assert.match(found[0]?.what ?? '', /SIGABRT/);
});

test('a rejection that nobody waits for is found', async t => {
  const { found } = await run(t, ['LOST']);
  assert.match(found[0]?.what ?? '', /nobody waits for this/);
});

test('an input that reaches a new block is kept, one that does not is not', async t => {
  const { found, kept, report } = await run(t, ['usual', 'RARE as it is', 'usual as well']);
  assert.deepEqual(found, []);
  assert(kept.includes('RARE as it is'), kept.join());
  assert(!kept.includes('usual as well'), kept.join());
  assert(report.blocks >= 2);
});
