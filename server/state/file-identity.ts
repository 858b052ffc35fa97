import type { BigIntStats } from 'node:fs';
import { fstatSync, statSync } from 'node:fs';

/** What tells the file at a path from all others that are open: device and inode; undefined when there is none. */
export function identityOf(path: string): string | undefined {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && identity(stats);
}

/** The same of an open file, be it at its path or not. */
export function identityOfOpen(fd: number): string {
  return identity(fstatSync(fd, { bigint: true }));
}

function identity({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
