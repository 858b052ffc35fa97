import { counted } from '../../common/counted.js';
import { printable } from '../../common/log.js';
import { overridesOf } from '../client/restore.js';
import type { ChangeableSettings } from '../client/settings-change.js';
import type { ImportPlan } from './plan.js';
import { CLIENT_KEYS } from '../client/setting-keys.js';
import { listedNames } from './words.js';

/**
 * An import for people: one line of what was taken over, and one for each thing that an operator should know.
 * @param file where it came from
 */
export function describeImport(file: string, plan: ImportPlan): string[] {
  const { clients, removed, skipped, notes } = plan;
  const disabled = clients.filter(({ enabled }) => !enabled).map(({ settings }) => settings.name);
  const changed = clients.flatMap(client => {
    const keys = Object.keys(overridesOf(client)) as (keyof ChangeableSettings)[];
    return keys.length === 0
      ? []
      : [`${client.settings.name}: ${keys.map(key => CLIENT_KEYS[key]).join(', ')}`];
  });
  const parts = [
    ...(disabled.length > 0 ? [`${disabled.length} disabled (${listedNames(disabled)})`] : []),
    ...(removed.length > 0 ? [`${removed.length} removed (${listedNames(removed)})`] : []),
    ...(changed.length > 0
      ? [`${changed.length} with settings changed at run time (${listedNames(changed, '; ')})`]
      : []),
  ];
  const what = `imported ${counted(clients.length + removed.length, 'client')} from ${file}`;
  const not =
    skipped.length > 0 ? `; skipped ${skipped.length} not in clients.conf: ${listedNames(skipped)}` : '';
  const summary = `${what}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}${not}`;
  // Names of the file are anything.
  return [summary, ...notes].map(printable);
}
