import { readFileSync, writeFileSync } from 'node:fs';

/** Of proc(5): the first number is the level below which the kernel's messages reach the console. */
export const PRINTK = '/proc/sys/kernel/printk';

/** KERN_NOTICE: warnings still reach the console, what is said of each link that comes and goes does not. */
const QUIET_LEVEL = 5;

/**
 * Keeps the kernel's chatter about links from the console, where somebody may be typing a password.
 * @returns puts the level back, unless somebody else has changed it since; neither call ever throws
 */
export function quietKernelLog(file: string = PRINTK): () => void {
  try {
    const level = consoleLevel(file);
    if (level <= QUIET_LEVEL) return () => {};
    writeFileSync(file, `${QUIET_LEVEL}\n`);
    return () => {
      try {
        if (consoleLevel(file) === QUIET_LEVEL) writeFileSync(file, `${level}\n`);
      } catch {
        // As it could be written before, there is nothing that anybody could do.
      }
    };
  } catch {
    return () => {}; // Not ours to write: the console is noisier, and nothing else.
  }
}

function consoleLevel(file: string): number {
  return Number.parseInt(readFileSync(file, 'utf8'), 10);
}
