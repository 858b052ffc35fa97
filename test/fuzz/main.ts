/*
 * The long form: node dist/test/fuzz/main.js [TARGET...] [--seconds=600] [--jobs=2] [--seed=NUMBER] [--replay=FILE]
 * Goes on from what it has reached before, which lies in dist/fuzz.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Finding } from './engine/findings.js';
import { runTarget } from './engine/run-target.js';
import type { TargetName } from './targets.js';
import { TARGETS } from './targets.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FINDINGS = join(ROOT, 'dist/fuzz/findings');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '600' },
    jobs: { type: 'string', default: '2' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    replay: { type: 'string' },
  },
});
const wanted = TARGETS.filter(
  name => positionals.length === 0 || positionals.some(word => name.startsWith(word)),
);
const [seconds, jobs, seed] = [Number(values.seconds), Number(values.jobs), Number(values.seed)];
if (wanted.length === 0 || !(seconds > 0) || !(jobs >= 1) || !Number.isSafeInteger(seed)) {
  process.stderr
    .write(`fuzz: usage: main.js [TARGET...] [--seconds=600] [--jobs=2] [--seed=NUMBER] [--replay=FILE]
targets: ${TARGETS.join(' ')}\n`);
  process.exit(2);
}
const say = (line: string) => void process.stdout.write(`${line}\n`);
const findings: Finding[] = [];

async function run(target: TargetName): Promise<void> {
  const grown = join(ROOT, 'dist/fuzz/corpus', target);
  const corpora = [join(ROOT, 'test/fuzz/corpus', target), grown];
  const replay = values.replay === undefined ? undefined : resolve(values.replay);
  const endMs = performance.now() + 1000 * seconds;
  let executions = 0;
  let report;
  // What ends the process is a finding, and there may be more.
  for (let i = 0; i < 5 && (i === 0 || performance.now() < endMs - 1000); i++) {
    const leftS = (endMs - performance.now()) / 1000;
    const request = {
      target,
      seeds: [seed + i] as const,
      seconds: leftS,
      findings: FINDINGS,
      corpora,
      grown,
    };
    report = await runTarget(replay === undefined ? request : { ...request, replay });
    executions += report.executions;
    findings.push(...report.findings);
    if (replay !== undefined) break;
  }
  say(`${target}: ${executions} executions, ${report?.blocks} blocks, ${report?.corpus} inputs kept`);
}

say(`seed ${seed}, ${seconds} s for each of: ${wanted.join(' ')}`);
const queue = [...wanted];
await Promise.all(
  Array.from({ length: jobs }, async () => {
    for (let target = queue.shift(); target !== undefined; target = queue.shift()) await run(target);
  }),
);
for (const { target, what, file } of findings) {
  say(`\n${target}: ${what}\nto see it again: node dist/test/fuzz/main.js ${target} --replay=${file}`);
}
process.exit(findings.length > 0 ? 1 : 0);
