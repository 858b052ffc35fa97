import { listed } from '../../common/listed.js';

/** Names that one line shows; the rest is counted. */
const NAMES_LIMIT = 20;

/** The first of them, and how many there are more. */
export function listedNames(items: readonly string[], separator?: string): string {
  return listed(items, NAMES_LIMIT, separator);
}
