import { expandValue } from '../../common/config-expansion.js';
import { parseConfigFile } from '../../common/config-file.js';
import { formatDuration, parseDuration } from '../../common/duration.js';
import { printable } from '../../common/log.js';
import type { ListedClient } from './select-clients.js';

/** Options of mandos-clients.conf(5), in the order of its examples, and the properties that have their values, or what ReleaseSettings calls them. */
const OPTIONS: readonly (readonly [key: string, property: string])[] = [
  ['key_id', 'KeyID'],
  ['fingerprint', 'Fingerprint'],
  ['host', 'Host'],
  ['checker', 'Checker'],
  ['timeout', 'Timeout'],
  ['extended_timeout', 'ExtendedTimeout'],
  ['interval', 'Interval'],
  ['approval_delay', 'ApprovalDelay'],
  ['approval_duration', 'ApprovalDuration'],
  ['approved_by_default', 'ApprovedByDefault'],
  ['enabled', 'Enabled'],
  ['release_check', 'release_check'],
  ['max_releases', 'max_releases'],
  ['release_window', 'release_window'],
];

/**
 * A client as a section of clients.conf. Its secret is not there: over D-Bus it can be set and never be read, so that
 * whoever may talk to the server cannot take secrets away. A line says what to write instead.
 */
export function exportSection({ name, properties }: ListedClient): string {
  const lines = OPTIONS.flatMap(([key, property]) => {
    const value = properties.get(property);
    return value === undefined || value === '' ? [] : [optionLines(key, value)];
  });
  return [
    `[${printable(name)}]`,
    '# The secret cannot be read from the server: set it here, as "secret" or "secfile".',
    ...lines,
  ]
    .map(line => `${line}\n`)
    .join('');
}

function optionLines(key: string, value: unknown): string {
  const text = optionText(value);
  if (text !== undefined) {
    const lines = `${key} = ${text.replaceAll('%', '%%').replaceAll('\n', '\n    ')}`;
    if (readsAs(key, lines, text)) return lines;
  }
  return `# ${key} cannot be written here: ${printable(String(value))}`;
}

/** @returns undefined for part of a second, which a file cannot say */
function optionText(value: unknown): string | undefined {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'bigint') return String(value);
  const duration = formatDuration(Number(value));
  const parsed = parseDuration(duration);
  return 'ms' in parsed && parsed.ms === Number(value) ? duration : undefined;
}

/** Values have had other ways to the server than a file: spaces at their ends, and lines that look like comments. */
function readsAs(key: string, lines: string, text: string): boolean {
  const { sections, faults } = parseConfigFile(Buffer.from(`[x]\n${lines}\n`), '');
  const raw = sections[0]?.options.get(key)?.raw;
  if (raw === undefined || faults.length > 0 || sections[0]?.options.size !== 1) return false;
  const expanded = expandValue(raw, () => undefined);
  return 'value' in expanded && expanded.value === text;
}
