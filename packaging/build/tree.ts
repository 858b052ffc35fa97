import {
  chmodSync,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Of zlib's header for gzip(1): where a file was made ("Unix"), which zlib fills in by itself where it is built. */
const GZIP_OS_OFFSET = 9;
const GZIP_UNIX = 3;

/** The files of a package, as they will lie below `/`. Modes do not follow the umask. */
export class Tree {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
    mkdirSync(root, { recursive: true });
    chmodSync(root, 0o755);
  }

  directory(path: string, mode = 0o755): void {
    const full = join(this.root, path);
    if (path !== '.' && path !== '/') this.#parents(path);
    mkdirSync(full, { recursive: true });
    chmodSync(full, mode);
  }

  write(path: string, content: string | Uint8Array, mode = 0o644): void {
    this.#parents(path);
    const full = join(this.root, path);
    writeFileSync(full, content);
    chmodSync(full, mode);
  }

  copy(source: string, path: string, mode = 0o644): void {
    this.#parents(path);
    const full = join(this.root, path);
    copyFileSync(source, full);
    chmodSync(full, mode);
  }

  /** As `gzip -9n` makes it: without name and time. */
  compress(path: string, content: string | Uint8Array): void {
    const compressed = gzipSync(content, { level: 9 });
    compressed[GZIP_OS_OFFSET] = GZIP_UNIX;
    this.write(`${path}.gz`, compressed);
  }

  /** A link that is relative, as Debian wants them within one top directory. */
  link(path: string, target: string): void {
    this.#parents(path);
    symlinkSync(relative(dirname(path), target), join(this.root, path));
  }

  /** Paths of all files and links, without `/` before them. */
  files(): string[] {
    return listFiles(this.root);
  }

  /** Bytes as Debian counts an installed size: each file rounded up to a kilobyte. */
  sizeKb(): number {
    const sizes = this.files().map(path => Math.ceil(lstatSync(join(this.root, path)).size / 1024));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Gives all files one time, so that the same source makes the same package. */
  setTimes(seconds: number): void {
    const paths = readdirSync(this.root, { recursive: true, encoding: 'utf8' });
    for (const path of [...paths, '.']) lutimesSync(join(this.root, path), seconds, seconds);
  }

  #parents(path: string): void {
    const parts = dirname(path).split('/').filter(Boolean);
    for (let i = 1; i <= parts.length; i++) {
      const full = join(this.root, ...parts.slice(0, i));
      if (mkdirSync(full, { recursive: true }) !== undefined) chmodSync(full, 0o755);
    }
  }
}

/** Paths of all files and links below a directory, sorted. */
export function listFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(entry => relative(directory, join(entry.parentPath, entry.name)))
    .toSorted();
}
