import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartSvg } from './chart.js';
import type { Results, Section } from './results.js';
import { formatNumber, readResults, verdict } from './results.js';

const DOCS = join(import.meta.dirname, '../../../docs');
/** What stands between these in docs/performance.md is written here. */
const [BEGIN, END] = ['<!-- figures -->', '<!-- end of figures -->'];

/**
 * Draws what was measured into docs/performance/, and writes its tables into docs/performance.md.
 * @param file that `--json` has written
 */
export function plot(file: string): void {
  const results = readResults(file);
  if (!results) throw new Error(`${file} is not there (write it with --json ${file})`);
  mkdirSync(join(DOCS, 'performance'), { recursive: true });
  for (const chart of results.sections.flatMap(section => section.charts)) {
    writeFileSync(join(DOCS, 'performance', `${chart.file}.svg`), chartSvg(chart, formatNumber));
  }
  const page = join(DOCS, 'performance.md');
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  writeFileSync(page, `${text.slice(0, begin)}\n\n${markdown(results)}\n${text.slice(end)}`);
}

function markdown({ machine, sections }: Results): string {
  return [`Measured on: ${machine}.`, '', ...sections.flatMap(sectionLines)].join('\n');
}

function sectionLines({ title, when, table, figures, notes, charts }: Section): string[] {
  return [
    `### ${title}`,
    '',
    `${when}.${notes.map(note => ` ${sentence(note)}`).join('')}`,
    '',
    ...charts.flatMap(chart => [`![${chart.title}](performance/${chart.file}.svg)`, '']),
    ...(table
      ? rows(
          ['', ...table.columns],
          table.rows.map(({ name, values }) => [name, ...values.map(formatNumber)]),
        )
      : []),
    ...(figures.length > 0
      ? rows(
          ['', 'measured', 'target'],
          figures.map(figure => [
            figure.what,
            `${formatNumber(figure.value)} ${figure.unit}`.trim(),
            verdict(figure),
          ]),
        )
      : []),
  ];
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...body.map(line), ''];
}

function sentence(note: string): string {
  return `${note.charAt(0).toUpperCase()}${note.slice(1)}.`;
}
