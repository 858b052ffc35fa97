import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Report } from './endure.js';

const HEAD = [
  'attack',
  'server',
  'connections a second',
  'honest clients served; at the first try',
  'p50 / p99 / max ms',
  'CPU',
  'memory MB: before, peak, after',
  'log lines',
  'audit records',
  'recovered in s',
  'problems',
];

/** A table in Markdown, a row for each attack on each server. */
export function table(reports: readonly Report[]): string {
  return [line(HEAD), line(HEAD.map(() => '---')), ...reports.map(row)].join('');
}

export function row(report: Report): string {
  return line(cells(report));
}

function line(words: readonly string[]): string {
  return `| ${words.join(' | ')} |\n`;
}

function cells(report: Report): string[] {
  const { spoils, served, memoryMb, program, workers } = report;
  const times = [served.p50, served.p99, served.max].map(ms => Math.round(ms)).join(' / ');
  return [
    report.attack,
    program === 'original' ? 'Mandos 1.8.16' : `mandos-ts${workers > 1 ? `, ${workers} workers` : ''}`,
    spoils ? String(Math.round(spoils.attempts / spoils.seconds)) : '',
    `${served.ok} of ${report.asked}; ${served.first}`,
    served.ok > 0 ? times : '',
    `${report.cpuPercent} %`,
    `${memoryMb.before}, ${memoryMb.peak}, ${memoryMb.after}`,
    program === 'ours' ? String(report.logLines) : '',
    program === 'ours' ? String(report.auditRecords) : '',
    String(report.recoverySeconds ?? 'never'),
    report.problems.join('; ').replaceAll('|', '/'),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lines = readFileSync(process.argv[2] ?? '', 'utf8')
    .split('\n')
    .filter(text => text !== '');
  process.stdout.write(table(lines.map(text => JSON.parse(text) as Report)));
}
