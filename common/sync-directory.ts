import { closeSync, constants, fsyncSync, openSync } from 'node:fs';

/** Lets a power cut not undo that a file was made there or renamed. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
