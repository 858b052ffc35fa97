import { basename, dirname } from 'node:path';
import type { ConfigFiles, FileContent } from '../../../server/config/files.js';

/** Files that need no file system, readable by their owner only unless `mode` says otherwise. */
export function memoryFiles(
  contents: Readonly<Record<string, string | Uint8Array | FileContent>>,
  mode = 0o100600,
): ConfigFiles {
  const isDirectory = (path: string) =>
    Object.keys(contents).some(name => name.startsWith(path.replace(/\/*$/, '/')));
  return {
    read(path) {
      const content = contents[path];
      if (content === undefined) return { kind: 'missing' };
      if (typeof content === 'string' || content instanceof Uint8Array) {
        return { kind: 'read', bytes: Buffer.from(content), mode };
      }
      return content;
    },
    list(directory) {
      const names = Object.keys(contents).filter(path => dirname(path) === directory);
      if (names.length === 0) return { kind: 'missing' };
      return { kind: 'read', names: names.map(path => basename(path)) };
    },
    isDirectory,
    kindOf(path) {
      if (isDirectory(path)) return 'directory';
      if (contents[path] === undefined) return 'missing';
      return (mode & 0o111) === 0 ? 'file' : 'executable';
    },
    environment: name => (name === 'SECRETS' ? '/secrets' : undefined),
    homeOf: user => (user === '' ? '/root' : undefined),
  };
}
