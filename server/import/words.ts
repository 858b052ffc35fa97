import type { ChangeableSettings } from '../client/settings-change.js';

/** What a setting is called in clients.conf: `approvalDelayMs` is `approval_delay`. */
export function settingWord(key: keyof ChangeableSettings): string {
  return key.replace(/Ms$/, '').replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

/** Names that one line shows; the rest is counted. */
const NAMES_LIMIT = 20;

/** The first of them, and how many there are more. */
export function listed(items: readonly string[], separator = ', '): string {
  const more = items.length - NAMES_LIMIT;
  return `${items.slice(0, NAMES_LIMIT).join(separator)}${more > 0 ? ` and ${more} more` : ''}`;
}
