/** An entry's pattern, with how it is said. */
export interface Documented {
  readonly pattern: string;
  readonly use: string;
}

/** The entries of docs/errors.md: in the items of its lists, up to the colon behind the last. */
export function documentedMessages(markdown: string): Documented[] {
  return markdown
    .split('\n')
    .filter(line => line.startsWith('- `'))
    .flatMap(line => {
      const [head = ''] = /^- (?:`[^`]+` \([\w, ]+\)(?:, )?)+/.exec(line) ?? [];
      return Array.from(head.matchAll(/`([^`]+)` \(([\w]+)\)/g), ([, pattern = '', use = '']) => ({
        pattern,
        use,
      }));
    });
}

/** The codes in the tables of docs/errors.md: their first column. */
export function documentedCodes(markdown: string): string[] {
  return Array.from(markdown.matchAll(/^\| `([^`]+)` +\|/gm), ([, code = '']) => code);
}

/** The lines in blocks of code that are marked as of a log. */
export function quotedLines(markdown: string): string[] {
  return Array.from(markdown.matchAll(/^```log\n(.*?)^```$/gms), ([, block = '']) => block.split('\n'))
    .flat()
    .filter(line => line !== '');
}

/** The words of a pattern, without what stands for each `…`. */
export function piecesOf(pattern: string): string[] {
  return pattern.split('…');
}

/** A pattern as an expression that has what stands for each `…` as a group. */
export function matcher(pattern: string): RegExp {
  const parts = piecesOf(pattern).map(part => part.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  return new RegExp(`^${parts.join('(.*)')}$`, 's');
}
