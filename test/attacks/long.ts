/*
 * node long.js RESULTS [--ours | --original] [--seconds=N] [WORD...]: every attack, or those with one of these words in
 * their name, on this project's server with one worker and with two, and on the original. Each result is a line of JSON
 * in the file RESULTS; the table is printed at the end.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from '../interop/scene.js';
import { makeKeys } from '../support/programs.js';
import { ATTACKS } from './attacks.js';
import type { Report } from './endure.js';
import { endure } from './endure.js';
import { table } from './table.js';
import { buildTools } from './tools.js';

const DEFAULT_SECONDS = 10;
/** Honest clients a second. */
const RATE = 20;
/** A process each: more would fill this machine. */
const ORIGINAL_CONNECTIONS = 400;

const [file = '', ...args] = process.argv.slice(2);
const words = args.filter(arg => !arg.startsWith('--'));
const seconds = Number(
  args.find(arg => arg.startsWith('--seconds='))?.slice('--seconds='.length) ?? DEFAULT_SECONDS,
);
const servers: readonly { program: Program; workers: number }[] = [
  ...(args.includes('--original')
    ? []
    : ([
        { program: 'ours', workers: 1 },
        { program: 'ours', workers: 2 },
      ] as const)),
  ...(args.includes('--ours') ? [] : ([{ program: 'original', workers: 1 }] as const)),
];
const scratch = mkdtempSync(join(tmpdir(), 'attacks-'));
const reports: Report[] = [];
try {
  const tools = await buildTools(scratch);
  const keys = await makeKeys(scratch, 'web', 'correct horse battery');
  for (const attack of ATTACKS) {
    if (words.length > 0 && !words.some(word => attack.name.includes(word))) continue;
    for (const server of servers) {
      const fitting =
        server.program === 'ours'
          ? attack
          : { ...attack, simultaneous: Math.min(attack.simultaneous, ORIGINAL_CONNECTIONS) };
      const hooks: (() => Promise<void>)[] = [];
      try {
        const t = { after: (hook: () => Promise<void>) => void hooks.push(hook) };
        const report = await endure(t, { ...server, tools, keys }, fitting, { seconds, rate: RATE });
        reports.push(report);
        appendFileSync(file, `${JSON.stringify(report)}\n`);
        process.stdout.write(table([report]).split('\n').at(-2) + '\n');
      } catch (error) {
        // Of the original that, too, is a result.
        const problem = error instanceof Error ? error.message : String(error);
        process.stdout.write(`${server.program}: ${attack.name}: could not be tried: ${problem}\n`);
        if (server.program === 'ours') process.exitCode = 1;
      } finally {
        for (const hook of hooks.toReversed()) await hook();
      }
    }
  }
  process.stdout.write(`\n${table(reports)}`);
  if (reports.some(({ program, problems }) => program === 'ours' && problems.length > 0))
    process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
