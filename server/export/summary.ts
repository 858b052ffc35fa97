import { counted } from '../../common/counted.js';
import { listed } from '../../common/listed.js';
import { printable } from '../../common/log.js';
import type { ExportedState } from './export-state.js';

/** Names that one line shows; the rest is counted. */
const NAMES_LIMIT = 20;

/** An export for people: a line of what was written, and one for each thing that an operator should know. */
export function describeExport(file: string, state: ExportedState): string[] {
  const names = (of: readonly string[]) => `${of.length} (${listed(of, NAMES_LIMIT)})`;
  const parts = [
    ...(state.disabled.length > 0 ? [`disabled: ${names(state.disabled)}`] : []),
    ...(state.removed.length > 0 ? [`removed: ${names(state.removed)}`] : []),
  ];
  const what = `wrote the state of ${counted(state.exported, 'client')} to ${file}`;
  const lines = [`${what}${parts.length > 0 ? `; ${parts.join(', ')}` : ''}`];
  if (state.skipped.length > 0) {
    lines.push(`left out, since clients.conf has never had them: ${names(state.skipped)}`);
  }
  if (state.unsealed.length > 0) {
    const why = 'clients.conf cannot be read or does not have them now';
    lines.push(`the secrets that were set at run time are not in it, since ${why}: ${names(state.unsealed)}`);
  }
  return lines.map(printable);
}
