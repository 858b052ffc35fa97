import { watch } from 'node:fs';

/**
 * Calls something at each change in a directory (inotify(7)): files that come, are written or go.
 * @returns stops watching
 */
export function watchDirectory(directory: string, changed: () => void): () => void {
  try {
    const watcher = watch(directory, { persistent: false }, () => changed());
    // A directory that goes away, or too many watches: what looks now and then still works.
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}
