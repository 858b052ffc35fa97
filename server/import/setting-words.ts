import type { ChangeableSettings } from '../client/settings-change.js';

/** What a setting is called in clients.conf: `approvalDelayMs` is `approval_delay`. */
export function settingWord(key: keyof ChangeableSettings): string {
  return key.replace(/Ms$/, '').replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}
