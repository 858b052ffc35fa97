/*
 * node long.js RESULTS [--ours | --original] [--seconds=N] [WORD...]: every attack, or those with one of these words in
 * their name, on this project's server with one worker and with two, and on the original. Each result is a line of JSON
 * in the file RESULTS; the table is printed at the end.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from '../interop/scene.js';
import type { Cleanup } from '../support/namespace.js';
import { makeKeys } from '../support/programs.js';
import { ATTACKS } from './attacks.js';
import { DISCOVERY_ATTACKS, endureDiscovery } from './discovery.js';
import type { Report } from './endure.js';
import { endure } from './endure.js';
import { row, table } from './table.js';
import { buildTools } from './tools.js';

const DEFAULT_SECONDS = 10;
/** Honest clients a second. */
const RATE = 20;
/** A process each: more would fill this machine. */
const ORIGINAL_CONNECTIONS = 400;
/** Machines that look for their server, one after the other. */
const MACHINES = 3;
const MACHINE_LIMIT_MS = 45_000;
const PASSWORD = 'correct horse battery';

interface Trial {
  readonly name: string;
  readonly program: Program;
  readonly run: (t: Cleanup) => Promise<Report>;
}

const [file = '', ...args] = process.argv.slice(2);
const words = args.filter(arg => !arg.startsWith('--'));
const given = args.find(arg => arg.startsWith('--seconds='));
const seconds = given === undefined ? DEFAULT_SECONDS : Number(given.slice('--seconds='.length));
const programs = (['ours', 'original'] as const)
  .filter(program => !args.includes('--ours') || program === 'ours')
  .filter(program => !args.includes('--original') || program === 'original');
const scratch = mkdtempSync(join(tmpdir(), 'attacks-'));
const reports: Report[] = [];
try {
  const tools = await buildTools(scratch);
  const keys = await makeKeys(scratch, 'web', PASSWORD);
  const onServers = ATTACKS.flatMap(attack =>
    programs.flatMap(program =>
      (program === 'ours' ? [1, 2] : [1]).map((workers): Trial => {
        const simultaneous = Math.min(
          attack.simultaneous,
          program === 'ours' ? Infinity : ORIGINAL_CONNECTIONS,
        );
        const run = (t: Cleanup) =>
          endure(t, { program, workers, tools, keys }, { ...attack, simultaneous }, { seconds, rate: RATE });
        return { name: attack.name, program, run };
      }),
    ),
  );
  const onDiscovery = DISCOVERY_ATTACKS.flatMap(attack =>
    programs
      .filter(program => program === 'ours' || attack.avahi)
      .map((program): Trial => {
        const options = { program, keys, password: PASSWORD, clients: MACHINES, limitMs: MACHINE_LIMIT_MS };
        return { name: attack.name, program, run: t => endureDiscovery(t, options, attack) };
      }),
  );
  for (const { name, program, run } of [...onServers, ...onDiscovery]) {
    if (words.length > 0 && !words.some(word => name.includes(word))) continue;
    const hooks: (() => Promise<void>)[] = [];
    try {
      const report = await run({ after: hook => void hooks.push(hook) });
      reports.push(report);
      appendFileSync(file, `${JSON.stringify(report)}\n`);
      process.stdout.write(row(report));
    } catch (error) {
      // Of the original that, too, is a result.
      process.stdout.write(
        `${program}: ${name}: could not be tried: ${error instanceof Error ? error.message : String(error)}\n`,
      );
      if (program === 'ours') process.exitCode = 1;
    } finally {
      for (const hook of hooks.toReversed()) await hook();
    }
  }
  process.stdout.write(`\n${table(reports)}`);
  if (reports.some(({ program, problems }) => program === 'ours' && problems.length > 0))
    process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
