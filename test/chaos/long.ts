/*
 * node long.js RESULTS [--ours | --original] [WORD...]: every fault, or those with one of these words in their name, on this project's programs
 * and on the original's. Each result is a line of JSON in the file RESULTS; the table is printed at the end.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Program } from '../interop/scene.js';
import { endure } from './endure.js';
import type { Fault, Report } from './fault.js';
import { emptyReport } from './fault.js';
import { FAULTS } from './faults/all.js';
import { makeIdentities } from './identities.js';
import { describe, table } from './table.js';

const [file = '', ...args] = process.argv.slice(2);
const words = args.filter(arg => !arg.startsWith('--'));
const programs = (['ours', 'original'] as const).filter(
  program => args.length === words.length || args.includes(`--${program}`),
);
const scratch = mkdtempSync(join(tmpdir(), 'chaos-'));
const reports: Report[] = [];
try {
  const identities = await makeIdentities(scratch);
  for (const fault of Object.values(FAULTS).flat()) {
    if (words.length > 0 && !words.some(word => fault.name.includes(word))) continue;
    for (const program of programs) {
      if (fault.programs && !fault.programs.includes(program)) continue;
      const report = await endureAlone(program, fault);
      reports.push(report);
      appendFileSync(file, `${JSON.stringify(report)}\n`);
      process.stdout.write(`${program}: ${fault.name}: ${describe(report)}\n`);
    }
  }
  process.stdout.write(`\n${table(reports)}`);
  process.exitCode = reports.some(({ program, problems }) => program === 'ours' && problems.length > 0)
    ? 1
    : 0;

  async function endureAlone(program: Program, fault: Fault): Promise<Report> {
    const hooks: (() => Promise<void>)[] = [];
    try {
      return await endure({ after: hook => void hooks.push(hook) }, program, fault, identities);
    } catch (error) {
      const problem = `it could not be tried: ${error instanceof Error ? error.message : String(error)}`;
      return { ...emptyReport(program, fault), problems: [problem] };
    } finally {
      for (const hook of hooks.toReversed()) await hook();
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
