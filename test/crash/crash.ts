/*
 * Kills a server's state store at random moments, and looks whether all that it has acknowledged is there:
 * node dist/test/crash/crash.js [ROUNDS] [SEED].
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from '../support/child.js';
import { seededRandom } from '../support/random.js';
import type { ChildLog, Model, State } from './model.js';
import { parseLog, possibleStates, toText } from './model.js';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));
/** Numbers of decisions in one round. */
const ROUND = 1_000_000;
const LONGEST_LIFE_MS = 250;
/** Of what a child has said of the clients that are not as they should be. */
const SHOWN_LINES = 60;

export interface CrashResult {
  /** Rounds in which the child was killed while it started. */
  readonly early: number;
  readonly asked: number;
  readonly stored: number;
  readonly refused: number;
}

export interface CrashEffects {
  /** What a child is started with. */
  readonly command: readonly string[];
  /** Whether decisions can be refused. What holds in part even then, disabling and removing, is left out. */
  readonly canFail: boolean;
  /** Called while a child runs, in each round. */
  readonly disturb: (random: () => number) => void;
}

/** As it is on any machine. */
export const UNDISTURBED: CrashEffects = { command: [], canFail: false, disturb: () => {} };

/**
 * One store, through many lives and deaths of its server.
 * @param directory of the state
 * @param scratch for the children's logs
 * @throws AssertionError that names seed and round, when something is lost
 */
export async function crash(
  rounds: number,
  seed: number,
  directory: string,
  scratch: string,
  { command, canFail, disturb }: CrashEffects,
): Promise<CrashResult> {
  const random = seededRandom(seed);
  const result = { early: 0, asked: 0, stored: 0, refused: 0 };
  let before: { readonly said: ChildLog; readonly text: string } | undefined;
  for (let round = 0; round <= rounds; round++) {
    const isLast = round === rounds;
    const log = join(scratch, `log${round}`);
    writeFileSync(log, '');
    const args = [directory, log, String(seed + round), String((round + 1) * ROUND)];
    const mode = isLast ? 'tell' : canFail ? 'decide-refusable' : 'decide';
    const words = [...command, process.execPath, CHILD, ...args, mode];
    const child = new Child(words[0] ?? '', words.slice(1), {}, `seed ${seed}, round ${round}`);
    try {
      if (isLast) assert.deepEqual(await child.waitForExit(), { code: 0, signal: null }, child.tail());
      else await liveAndDie(child, random, disturb);
    } finally {
      child.kill();
      await child.exited;
    }
    const text = readFileSync(log, 'utf8');
    const said = parseLog(text);
    rmSync(log);
    if (!said.begun) {
      // Killed before it could tell: what was there before is to be found next time.
      assert.equal(child.stderr, '', `seed ${seed}, round ${round}`);
      result.early++;
      continue;
    }
    if (before) {
      const found = toText(said.begun);
      const isPossible = possibleStates(before.said).some(state => toText(state) === found);
      assert.ok(isPossible, `seed ${seed}, round ${round}: ${explain(said.begun, before.said, before.text)}`);
    }
    before = { said, text };
    result.asked += said.asked.length;
    result.stored += said.stored.size;
    result.refused += said.refused.size;
  }
  return result;
}

/** How what there is differs from the state that comes next to it, and what was said of the clients that differ. */
function explain(found: State, said: ChildLog, text: string): string {
  const differing = possibleStates(said)
    .map(state => {
      const names = new Set([...state.keys(), ...found.keys()]);
      const shown = (model: Model | undefined) => JSON.stringify(model) ?? 'nothing';
      return [...names].flatMap(name => {
        const [is, should] = [shown(found.get(name)), shown(state.get(name))];
        return is === should ? [] : [{ name, line: `${name}: there is ${is}, should be ${should}` }];
      });
    })
    .toSorted((a, b) => a.length - b.length)[0];
  const names = new Set(differing?.map(({ name }) => name));
  const numbers = new Set(
    said.asked
      .filter(decision => decision.names.some(name => names.has(name)))
      .map(({ number }) => `${number}`),
  );
  const lines = text.split('\n').filter(line => numbers.has(line.split(' ')[1] ?? ''));
  return [...(differing?.map(({ line }) => line) ?? []), ...lines.slice(-SHOWN_LINES)].join('\n');
}

async function liveAndDie(
  child: Child,
  random: () => number,
  disturb: CrashEffects['disturb'],
): Promise<void> {
  const isEarly = random() < 0.15;
  const lifeMs = random() * LONGEST_LIFE_MS;
  if (!isEarly) await child.waitForOutput(/ready/);
  const disturbance = setTimeout(() => disturb(random), lifeMs / 3);
  await Promise.race([child.exited, new Promise(resolve => setTimeout(resolve, lifeMs))]);
  clearTimeout(disturbance);
  child.signal('SIGKILL');
  const exit = await child.exited;
  assert.deepEqual(exit, { code: null, signal: 'SIGKILL' }, child.tail());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [rounds = '500', seed = String(Date.now() % 1e6)] = process.argv.slice(2);
  const scratch = mkdtempSync(join(tmpdir(), 'crash-'));
  const startMs = performance.now();
  try {
    const result = await crash(Number(rounds), Number(seed), join(scratch, 'state'), scratch, UNDISTURBED);
    const seconds = Math.round((performance.now() - startMs) / 1000);
    process.stdout.write(
      `seed ${seed}: ${rounds} rounds in ${seconds} s, nothing lost: ${JSON.stringify(result)}\n`,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
