import { parentOf } from '../image/tree.js';
import type { ImageFile, ImageTree } from '../image/tree.js';

/** Directories in which the dynamic linker looks without being told: ld.so(8), and Debian's for each architecture. */
const DIRECTORIES = ['lib', 'usr/lib', 'lib64', 'usr/lib64', 'lib32', 'usr/lib32'] as const;
const ARCHITECTURE = /^[a-z0-9_]+-linux-[a-z0-9]+$/;

/** A library that something needs and that is not in the image. */
export interface MissingLibrary {
  readonly library: string;
  /** What needs it. */
  readonly by: string;
}

/** Finds libraries in an image as its dynamic linker will. */
export class Libraries {
  readonly #tree: ImageTree;
  readonly #directories: readonly string[];

  constructor(tree: ImageTree) {
    this.#tree = tree;
    this.#directories = [
      ...DIRECTORIES,
      ...['lib', 'usr/lib'].flatMap(parent =>
        tree.list(parent).flatMap(name => (ARCHITECTURE.test(name) ? [`${parent}/${name}`] : [])),
      ),
      ...configured(tree),
    ].flatMap(directory => [directory, ...optimized(tree, directory)]);
  }

  /** The library that a program of this kind gets by a name. */
  find(name: string, by: ImageFile): ImageFile | undefined {
    const own = (by.elf?.runPath ?? []).map(path =>
      path.replace(/\$(ORIGIN|\{ORIGIN\})/, `/${parentOf(by.path)}`),
    );
    for (const directory of [...own, ...this.#directories]) {
      const file = this.#tree.file(`${directory}/${name}`);
      if (file?.elf && file.elf.machine === by.elf?.machine && file.elf.bits === by.elf.bits) return file;
    }
    return undefined;
  }

  /** All that programs need, and what that needs in turn. */
  missing(programs: readonly ImageFile[]): MissingLibrary[] {
    const missing = new Map<string, MissingLibrary>();
    const seen = new Set(programs.map(({ path }) => path));
    const queue = [...programs];
    for (let program = queue.pop(); program !== undefined; program = queue.pop()) {
      const { interpreter, needed = [] } = program.elf ?? {};
      if (interpreter !== undefined && this.#tree.file(interpreter) === undefined)
        missing.set(interpreter, { library: interpreter, by: program.path });
      for (const name of needed) {
        const library = name.includes('/') ? this.#tree.file(name) : this.find(name, program);
        if (library === undefined) missing.set(name, { library: name, by: program.path });
        else if (!seen.has(library.path)) {
          seen.add(library.path);
          queue.push(library);
        }
      }
    }
    return [...missing.values()].toSorted((a, b) => (a.library < b.library ? -1 : 1));
  }
}

/** Directories of /etc/ld.so.conf and the files that it takes in. */
function configured(tree: ImageTree): string[] {
  const files = ['etc/ld.so.conf', ...tree.list('etc/ld.so.conf.d').map(name => `etc/ld.so.conf.d/${name}`)];
  return files.flatMap(file =>
    (tree.file(file)?.content?.toString() ?? '').split('\n').flatMap(line => {
      const path = line.replace(/#.*/, '').trim();
      return path.startsWith('/') ? path : [];
    }),
  );
}

/** Variants for certain processors: ld.so(8), glibc-hwcaps. */
function optimized(tree: ImageTree, directory: string): string[] {
  const parent = `${directory}/glibc-hwcaps`;
  return tree.list(parent).map(name => `${parent}/${name}`);
}
