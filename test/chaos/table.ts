import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Report } from './fault.js';

/** Of a message: the rest is for the log. */
const FIRST_CHARS = 160;

/** What happened, in a line. */
export function describe(report: Report): string {
  const { clients, duringSeconds, waitingSeconds, unlockSeconds, checkSeconds, decision } = report;
  const facts = [
    inFault(duringSeconds, clients),
    ...(waitingSeconds === undefined ? [] : [`afterwards in ${waitingSeconds} s`]),
    ...(unlockSeconds === undefined ? [] : [`asked anew: ${unlockSeconds} s`]),
    ...(checkSeconds === undefined ? [] : [`checked again: ${checkSeconds} s`]),
    `disabling meanwhile: ${decision ?? 'unknown'}`,
    ...report.notes,
    ...report.problems.map(problem => `PROBLEM: ${short(problem)}`),
  ];
  return facts.join('; ');
}

function inFault(seconds: readonly number[], clients: number): string {
  if (seconds.length === 0) return 'no password while it lasted';
  const who = seconds.length === clients ? '' : `${seconds.length} of ${clients} had it: `;
  return `password while it lasted: ${who}${spanOf(seconds)} s`;
}

/** A table in Markdown, a row for each fault. */
export function table(reports: readonly Report[]): string {
  const rows = [...new Set(reports.map(({ fault }) => fault))].map(fault => {
    const of = (program: string) =>
      reports.filter(report => report.fault === fault && report.program === program).map(cell);
    return `| ${fault} | ${of('ours').join('<br>')} | ${of('original').join('<br>')} |\n`;
  });
  return `| fault | mandos-ts | Mandos 1.8.16 |\n| --- | --- | --- |\n${rows.join('')}`;
}

function cell(report: Report): string {
  const { clients, duringSeconds, waitingSeconds = 0, unlockSeconds, checkSeconds, decision } = report;
  const isInOrder = unlockSeconds !== undefined && checkSeconds !== undefined;
  // What is so before a restart is no news after it.
  const problems = report.problems.filter(
    problem => !report.problems.some(other => `${other} after a restart` === problem),
  );
  const sentences = [
    duringSeconds.length === 0
      ? 'nobody served'
      : `${duringSeconds.length} of ${clients} served, ${spanOf(duringSeconds)} s`,
    decision?.replace(/^refused: .*(?= \()/, 'refused').replace(/^/, 'disabling ') ?? '',
    isInOrder ? `in order after ${Math.max(waitingSeconds, unlockSeconds, checkSeconds)} s` : '',
    ...report.notes,
    ...problems.map(problem => `**${short(problem)}**`),
  ];
  return sentences.filter(sentence => sentence !== '').join('; ');
}

function spanOf(seconds: readonly number[]): string {
  return [...new Set([Math.min(...seconds), Math.max(...seconds)])].join('–');
}

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').replaceAll('|', '/');
  return line.length > FIRST_CHARS ? `${line.slice(0, FIRST_CHARS)}…` : line;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = readFileSync(process.argv[2] ?? '', 'utf8')
    .trim()
    .split('\n');
  process.stdout.write(table(lines.map(line => JSON.parse(line) as Report)));
}
