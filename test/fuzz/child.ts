/*
 * One target in a process of its own, which may die of it: node child.js JSON (see ChildRequest). The last line that it
 * prints is a ChildReport.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { readDictionary, readInputs } from './corpus.js';
import { Coverage } from './engine/coverage.js';
import { InputRecorder } from './engine/current-input.js';
import type { Finding } from './engine/findings.js';
import { keepFinding } from './engine/findings.js';
import type { FuzzResult } from './engine/fuzz.js';
import { describeFault, faultOf, fuzz } from './engine/fuzz.js';
import type { TargetName } from './targets.js';
import type { PLANTED } from './targets.js';
import { loadTarget } from './targets.js';

export interface ChildRequest {
  readonly target: TargetName | typeof PLANTED;
  readonly seeds: readonly [number, ...number[]];
  /** For each seed. */
  readonly seconds: number;
  /** Where the input that is tried is left. */
  readonly currentFile: string;
  readonly findings: string;
  /** Directories to begin with; there need not be any. */
  readonly corpora: readonly string[];
  /** Where what reaches new blocks is kept. */
  readonly grown?: string;
  /** One input to try instead. */
  readonly replay?: string;
}

export interface ChildReport extends FuzzResult {
  readonly findings: readonly Finding[];
}

// It ends with who started it.
process.stdin.on('end', () => process.exit(1)).resume();
(process.stdin as unknown as Socket).unref();

const request = JSON.parse(process.argv[2] ?? '{}') as ChildRequest;
const { facts, prepare } = await loadTarget(request.target);
const coverage = new Coverage(url => facts.covers.some(path => url.includes(`/${path}`)));
const recorder = new InputRecorder(request.currentFile);
const prepared = await prepare();
const findings: Finding[] = [];
let last: Buffer = Buffer.alloc(0);

const found = (what: string, input: Buffer) => {
  findings.push(keepFinding(request.findings, request.target, what, input));
};
const end = (result: FuzzResult) => {
  recorder.close();
  const report: ChildReport = { ...result, findings };
  process.stdout.write(`\n${JSON.stringify(report)}\n`);
};
// What is thrown where nobody waits for it belongs to the input before; nothing after it can be relied upon.
process.on('uncaughtException', error => {
  found(`not caught: ${describeFault(error)}`, last);
  end({ executions: recorder.count, blocks: coverage.blocks, corpus: 0 });
  process.exit(1);
});

const fromFile = prepared.fromFile ?? (bytes => bytes);
if (request.replay !== undefined) {
  last = Buffer.from(readFileSync(request.replay, 'utf8').trim(), 'hex');
  recorder.record(last);
  const thrown = await faultOf(prepared, last);
  if (thrown !== undefined) found(describeFault(thrown), last);
  // What nobody waits for is thrown by now.
  await setImmediate();
  end({ executions: 1, blocks: coverage.blocks, corpus: 0 });
} else {
  if (request.grown !== undefined) mkdirSync(request.grown, { recursive: true });
  // What was kept has been an input already.
  const corpus = request.corpora.flatMap(directory =>
    readInputs(directory).map(bytes => (directory === request.grown ? bytes : fromFile(bytes))),
  );
  const result = await fuzz(facts, prepared, {
    seeds: request.seeds,
    seconds: request.seconds,
    corpus,
    dictionary: readDictionary(request.target),
    coverage,
    found,
    record(input) {
      last = input;
      recorder.record(input);
    },
    keep(input) {
      if (request.grown === undefined) return;
      const name = createHash('sha256').update(input).digest('hex').slice(0, 16);
      writeFileSync(join(request.grown, name), input);
    },
  });
  end(result);
  // It may ask whether all inputs together have reached anything.
  await prepared.close?.();
}
// What is still waited for is of no interest.
process.exit();
