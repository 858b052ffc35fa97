import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import type { Chart } from './chart.js';

/** What a benchmark has found: shown on the terminal as it comes, kept as JSON, and drawn by plot.ts. */
export interface Results {
  readonly machine: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** When it was begun, and what else the machine did then. */
  readonly when: string;
  readonly table?: Table;
  readonly figures: readonly Figure[];
  readonly notes: readonly string[];
  readonly charts: readonly Chart[];
}

/** The same measured of several. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly values: readonly number[] }[];
}

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** It is to be no more than this. */
  readonly target?: number;
}

const NAME_WIDTH = 48;
const VALUE_WIDTH = 14;

/** Writes sections down as they are measured. */
export class Recorder {
  readonly machine: string;
  readonly #sections: Section[] = [];
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void = line => void process.stdout.write(`${line}\n`)) {
    this.#say = say;
    this.machine = `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, Node.js ${process.versions.node}`;
    say(this.machine);
  }

  /**
   * Begins a section.
   * @param id stays the same from one run to the next
   */
  section(id: string, title: string): SectionRecorder {
    const when = `${new Date().toISOString().slice(0, 10)}, load of the machine before: ${loadavg()[0]?.toFixed(1)}`;
    this.#say('');
    this.#say(`${title} (${when})`);
    const section = new SectionRecorder({ id, title, when }, this.#say);
    this.#sections.push(section);
    return section;
  }

  /** Into a file. Sections that stand there and were not measured again stay. */
  save(file: string): void {
    const kept = readResults(file)?.sections.filter(({ id }) => !this.#sections.some(own => own.id === id));
    const results: Results = { machine: this.machine, sections: [...(kept ?? []), ...this.#sections] };
    writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
  }
}

export class SectionRecorder implements Section {
  readonly id: string;
  readonly title: string;
  readonly when: string;
  table?: Table;
  readonly figures: Figure[] = [];
  readonly notes: string[] = [];
  readonly charts: Chart[] = [];
  readonly #say: (line: string) => void;

  constructor({ id, title, when }: Pick<Section, 'id' | 'title' | 'when'>, say: (line: string) => void) {
    this.id = id;
    this.title = title;
    this.when = when;
    this.#say = say;
  }

  setTable(table: Table): void {
    this.table = table;
    tableLines(table).forEach(line => this.#say(line));
  }

  /** @param target it is to be no more than this */
  figure(what: string, value: number, unit: string, target?: number): void {
    const figure: Figure = { what, value, unit, ...(target === undefined ? {} : { target }) };
    this.figures.push(figure);
    const text = `  ${what.padEnd(NAME_WIDTH)}${formatNumber(value).padStart(10)} ${unit.padEnd(8)}`;
    this.#say(`${text}${verdict(figure)}`.trimEnd());
  }

  note(text: string): void {
    this.notes.push(text);
    this.#say(`  ${text}`);
  }
}

/** @returns undefined when there is no such file */
export function readResults(file: string): Results | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Three digits tell as much as these measurements do. */
export function formatNumber(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) < 10 ? 2 : 1;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** As in `at most 1.35: met`. */
export function verdict({ value, target }: Figure): string {
  return target === undefined ? '' : `at most ${formatNumber(target)}: ${value <= target ? 'met' : 'MISSED'}`;
}

function tableLines({ columns, rows }: Table): string[] {
  const line = (name: string, cells: readonly string[]) =>
    `  ${name.padEnd(NAME_WIDTH)}${cells.map(cell => cell.padStart(VALUE_WIDTH)).join('')}`;
  return [line('', columns), ...rows.map(({ name, values }) => line(name, values.map(formatNumber)))];
}
