import type { ElfFacts } from './elf.js';

/** What an image has at a path. */
export interface ImageFile {
  /** From the image's root, without a leading slash. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  /** Where a link leads. */
  readonly target?: string;
  readonly size: number;
  /** SHA-256 of a file's content, in hexadecimal. */
  readonly sha256?: string;
  /** The content, of the few files whose content is looked at. */
  readonly content?: Buffer;
  /** What kind of program or library it is; absent for other files. */
  readonly elf?: ElfFacts;
  /** The version that a node says it is, without the `v`. */
  readonly nodeVersion?: string;
}

/** Symbolic links that are followed in one path, as the kernel does (path_resolution(7)). */
const MAX_LINKS = 40;
/** Directories in each other that an image has; more is no image, and would take long to follow. */
const MAX_DEPTH = 64;

/** An image's files, with symbolic links followed within it, whatever they say. */
export class ImageTree {
  readonly #files = new Map<string, ImageFile>();
  readonly #children = new Map<string, Set<string>>();

  /**
   * Puts a file where the kernel would, which follows links on the way, makes no directories of its own accord, and
   * takes the last one of the same name.
   * @returns false: there is no directory for it
   */
  add(file: ImageFile): boolean {
    if (parts(file.path).length > MAX_DEPTH) return false;
    const path = this.#locate(file.path, false);
    if (path === undefined) return false;
    if (path === '') {
      if (file.kind === 'directory') this.#files.set('', { ...file, path });
      return true;
    }
    const parent = parentOf(path);
    if (parent !== '' && this.#files.get(parent)?.kind !== 'directory') return false;
    this.#files.set(path, { ...file, path });
    const name = path.slice(parent === '' ? 0 : parent.length + 1);
    const siblings = this.#children.get(parent);
    if (siblings) siblings.add(name);
    else this.#children.set(parent, new Set([name]));
    return true;
  }

  /** What a path leads to, behind all links. */
  resolve(path: string): ImageFile | undefined {
    const located = this.#locate(path, true);
    return located === undefined ? undefined : this.#files.get(located);
  }

  /** A regular file behind all links. */
  file(path: string): ImageFile | undefined {
    const found = this.resolve(path);
    return found?.kind === 'file' ? found : undefined;
  }

  /** The names in a directory, sorted; none when there is no such directory. */
  list(directory: string): string[] {
    const located = this.#locate(directory, true);
    return located === undefined ? [] : [...(this.#children.get(located) ?? [])].toSorted();
  }

  /** All of them. */
  all(): Iterable<ImageFile> {
    return this.#files.values();
  }

  /** Overwrites what is kept of their contents: there are private keys. */
  forget(): void {
    for (const { content } of this.#files.values()) content?.fill(0);
  }

  #locate(path: string, followLast: boolean): string | undefined {
    const rest = parts(path).toReversed();
    let at = '';
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '..') {
        at = parentOf(at);
        continue;
      }
      const next = at === '' ? name : `${at}/${name}`;
      const { target } = this.#files.get(next) ?? {};
      if (target === undefined || (rest.length === 0 && !followLast)) {
        at = next;
        continue;
      }
      if (++links > MAX_LINKS) return undefined;
      if (target.startsWith('/')) at = '';
      rest.push(...parts(target).toReversed());
    }
    return at;
  }
}

/** A path's parts, without empty ones and dots that mean nothing. */
export function parts(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.');
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}
