import { readFileSync } from 'node:fs';
import type { BootResult, Moment, Result, SizeResult } from './results.js';

/**
 * Prints the tables of a run: node table.js FILE, the file that results.ts wrote. The targets are said to be met or not;
 * nothing fails here, as times depend on what else the machine does.
 */
const OWN = 'this project';
const ORIGINAL = 'Mandos 1.8.16';
const CLEVIS = 'Clevis and Tang';
/** Of the original's time from prompt to unlocked. */
const UNLOCK_SHARE = 0.5;
const GROWTH_BYTES = 30e6;

const [, , file = ''] = process.argv;
const results = readLines(file).map(line => JSON.parse(line) as Result);
const boots = results.filter(result => result.kind === 'boot');
const sizes = results.filter(result => result.kind === 'size');

if (boots.length > 0) {
  print('\nSeconds since the machine was switched on (and of these, what its emulated processor worked):\n');
  print('| boot | prompt | unlocked after the prompt | root mounted |');
  print('| --- | --- | --- | --- |');
  for (const row of new Set(boots.map(boot => boot.row))) {
    const those = boots.filter(boot => boot.row === row);
    const cells = [those.map(boot => boot.prompt), those.map(unlocking), those.map(boot => boot.root)];
    print(`| ${row} | ${cells.map(range).join(' | ')} |`);
  }
  compare('unlocked after the prompt, share of the original', ORIGINAL, unlocking, UNLOCK_SHARE);
  compare('root mounted, share of the original', ORIGINAL, boot => boot.root, 1);
  compare('root mounted, share of Clevis', CLEVIS, boot => boot.root, 1);
}
if (sizes.length > 0) {
  print('\nInitial RAM disk image, zstd -19:\n');
  const plain = sizes.find(size => size.row === 'without Mandos')?.bytes ?? 0;
  for (const size of sizes)
    print(`- ${size.row}: ${megabytes(size)} MB, growth ${megabytes(size, plain)} MB`);
  const own = sizes.find(size => size.row === OWN);
  if (own) print(`- target: growth of at most 30 MB: ${verdict(own.bytes - plain <= GROWTH_BYTES)}`);
}
for (const result of results) if (result.kind === 'note') print(`- ${result.text}`);

function unlocking({ prompt, unlocked }: BootResult): Moment | undefined {
  return (
    prompt &&
    unlocked && {
      seconds: unlocked.seconds - prompt.seconds,
      cpuSeconds: unlocked.cpuSeconds - prompt.cpuSeconds,
    }
  );
}

/** As in `7.6–10.5 (6.1–6.4)`. */
function range(moments: readonly (Moment | undefined)[]): string {
  const known = moments.filter(moment => moment !== undefined);
  if (known.length === 0) return '';
  const span = (values: readonly number[]) => {
    const [low, high] = [Math.min(...values).toFixed(1), Math.max(...values).toFixed(1)];
    return low === high ? low : `${low}–${high}`;
  };
  return `${span(known.map(moment => moment.seconds))} (${span(known.map(moment => moment.cpuSeconds))})`;
}

/** Round by round: what ran one after the other had the same machine. */
function compare(
  what: string,
  other: string,
  measure: (boot: BootResult) => Moment | undefined,
  atMost: number,
): void {
  const own = boots.filter(boot => boot.row === OWN).map(measure);
  const others = boots.filter(boot => boot.row === other).map(measure);
  const shares = own.flatMap((moment, i) => {
    const reference = others[i];
    return moment && reference
      ? [[moment.seconds / reference.seconds, moment.cpuSeconds / reference.cpuSeconds] as const]
      : [];
  });
  if (shares.length === 0) return;
  const text = shares.map(([wall, cpu]) => `${wall.toFixed(2)} (${cpu.toFixed(2)})`).join(', ');
  print(`\n${what}: ${text}; target at most ${atMost}: ${verdict(shares.every(([wall]) => wall <= atMost))}`);
}

function verdict(met: boolean): string {
  return met ? 'met' : 'NOT met';
}

function megabytes({ bytes }: SizeResult, less = 0): string {
  return ((bytes - less) / 1e6).toFixed(1);
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trim().split('\n');
  } catch {
    return []; // no boot has been measured
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
