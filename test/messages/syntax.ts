import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsers } from 'prettier/plugins/typescript';

/** A node of the syntax tree (ESTree with TypeScript), as prettier's parser makes it. */
export interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface Source {
  /** Path from the root of the project. */
  readonly file: string;
  readonly tree: Node;
}

export const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

/** The node under a key, if there is one. */
export function child(node: Node | undefined, key: string): Node | undefined {
  const value = node?.[key];
  return isNode(value) ? value : undefined;
}

/** The nodes in the list under a key. */
export function children(node: Node | undefined, key: string): Node[] {
  const value = node?.[key];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** Calls `visit` for the node and all below it, with those above, the nearest last. */
export function walk(node: Node, visit: (node: Node, above: readonly Node[]) => void): void {
  const above: Node[] = [];
  const enter = (at: Node): void => {
    visit(at, above);
    above.push(at);
    for (const [key, value] of Object.entries(at)) {
      if (key === 'parent' || key === 'tokens' || key === 'comments') continue;
      if (isNode(value)) enter(value);
      else if (Array.isArray(value)) for (const item of value) if (isNode(item)) enter(item);
    }
    above.pop();
  };
  enter(node);
}

/** All TypeScript below these folders, parsed. */
export function parseSources(root: string, folders: readonly string[]): Source[] {
  return folders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts') && !name.endsWith('.d.ts'))
      .toSorted()
      .map(name => {
        const file = join(folder, name);
        return { file, tree: parse(readFileSync(join(root, file), 'utf8'), file) };
      }),
  );
}

// Of its declared parameters the parser uses the path alone.
const parseText = parsers.typescript.parse as (text: string, options: { readonly filepath: string }) => Node;

export function parse(text: string, filepath: string): Node {
  return parseText(text, { filepath });
}
