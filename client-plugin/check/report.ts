import { printable } from '../../common/log.js';
import type { Finding, Level } from './finding.js';

/** What was found of one image, or, without a file, of the system. */
export interface Part {
  readonly file: string | undefined;
  readonly findings: readonly Finding[];
}

export interface ReportStyle {
  /** Problems only. */
  readonly quiet: boolean;
  /** For a person at a terminal: marks. */
  readonly marks: boolean;
  readonly colours: boolean;
}

const MARKS: Record<Level, string> = { ok: '✓', warning: '!', FAIL: '✗' };
const COLOURS: Record<Level, string> = { ok: '\x1b[32m', warning: '\x1b[33m', FAIL: '\x1b[1;31m' };

/** One line for each finding, below the name of what it is about. */
export function formatReport(parts: readonly Part[], { quiet, marks, colours }: ReportStyle): string {
  const line = ({ check, level, message }: Finding) => {
    const mark = marks ? `${MARKS[level]} ` : '';
    const word = `${mark}${level.padEnd(7)}`;
    return `  ${colours ? `${COLOURS[level]}${word}\x1b[0m` : word} ${check}: ${printable(message)}\n`;
  };
  return parts
    .map(({ file, findings }) => ({ file, shown: findings.filter(({ level }) => !quiet || level !== 'ok') }))
    .filter(({ shown }) => shown.length > 0)
    .map(({ file, shown }) => `${printable(file ?? 'this system')}\n${shown.map(line).join('')}`)
    .join('');
}

/** The same for programs. */
export function formatJson(parts: readonly Part[], { quiet }: Pick<ReportStyle, 'quiet'>): string {
  const shown = (findings: readonly Finding[]) => findings.filter(({ level }) => !quiet || level !== 'ok');
  const images = parts.flatMap(({ file, findings }) =>
    file === undefined ? [] : [{ file, ok: isWell(findings), findings: shown(findings) }],
  );
  const system = parts.flatMap(({ file, findings }) => (file === undefined ? findings : []));
  const all = parts.flatMap(({ findings }) => findings);
  return `${JSON.stringify({ ok: isWell(all), images, system: shown(system) }, null, 2)}\n`;
}

/** Whether nothing FAILs. */
export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level !== 'FAIL');
}
