import { listed } from '../../common/listed.js';
import type { ChangeableSettings } from '../client/settings-change.js';

/** What a setting is called in clients.conf: `approvalDelayMs` is `approval_delay`. */
export function settingWord(key: keyof ChangeableSettings): string {
  return key.replace(/Ms$/, '').replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

/** Names that one line shows; the rest is counted. */
const NAMES_LIMIT = 20;

/** The first of them, and how many there are more. */
export function listedNames(items: readonly string[], separator?: string): string {
  return listed(items, NAMES_LIMIT, separator);
}
