/**
 * Some of many things, for a line of a log that has to stay one.
 * @param limit how many are shown; the rest is counted
 * @returns such as `a, b and 3 more`
 */
export function listed(items: readonly string[], limit: number, separator = ', '): string {
  const more = items.length - limit;
  return `${items.slice(0, limit).join(separator)}${more > 0 ? ` and ${more} more` : ''}`;
}
