import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../../common/errors.js';

/** A file of the running system, and where an image has its copy. */
export interface HostCopy {
  readonly group: CopyGroup;
  readonly hostPath: string;
  /** From the image's root. */
  readonly imagePath: string;
  /** Of the content; absent when it cannot be read. */
  readonly sha256: string | undefined;
  /** Why it cannot be read. */
  readonly fault: string | undefined;
}

/** What such files are to a person. */
export type CopyGroup = 'network hooks' | 'plugins' | 'programs' | 'start';

/** A system's files below a directory: `/` but in tests. */
export class HostFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The path to open. */
  at(path: string): string {
    return this.#root === '/' ? path : join(this.#root, path);
  }

  /** The path that a person knows. */
  shown(path: string): string {
    return this.#root === '/' || !path.startsWith(this.#root) ? path : path.slice(this.#root.length);
  }

  /** @returns undefined when it cannot be read */
  read(path: string): Buffer | undefined {
    try {
      return readFileSync(this.at(path));
    } catch {
      return undefined;
    }
  }

  /** @returns '' when it cannot be read */
  text(path: string): string {
    return this.read(path)?.toString() ?? '';
  }

  /** Names in a directory, sorted; none when it cannot be read. */
  list(directory: string): string[] {
    try {
      return readdirSync(this.at(directory)).toSorted();
    } catch {
      return [];
    }
  }

  isFile(path: string): boolean {
    return this.#stat(path)?.isFile() === true;
  }

  exists(path: string): boolean {
    return this.#stat(path) !== undefined;
  }

  #stat(path: string): Stats | undefined {
    try {
      return statSync(this.at(path));
    } catch {
      return undefined; // not there, below a file, or in a directory that others may not enter
    }
  }

  isExecutable(path: string): boolean {
    try {
      accessSync(this.at(path), constants.X_OK);
      return this.isFile(path);
    } catch {
      return false;
    }
  }

  /** Where it is behind all links, or undefined. */
  realPath(path: string): string | undefined {
    try {
      return this.shown(realpathSync(this.at(path)));
    } catch {
      return undefined;
    }
  }

  copy(group: CopyGroup, hostPath: string, imagePath: string): HostCopy {
    try {
      const sha256 = hashOf(readFileSync(this.at(hostPath)));
      return { group, hostPath, imagePath, sha256, fault: undefined };
    } catch (error) {
      return { group, hostPath, imagePath, sha256: undefined, fault: describeError(error) };
    }
  }
}

/** SHA-256 in hexadecimal. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
