import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Package } from './deb.js';
import type { Tree } from './tree.js';

/** Where things are in the checkout. */
export interface Source {
  /** The project's directory. */
  readonly root: string;
  /** Debian's version of the packages. */
  readonly version: string;
  /** For the directory that the packages are put together in. */
  readonly work: string;
}

/** A configuration file: dpkg keeps what an administrator makes of it. */
export interface ConfigurationFile {
  /** Below `packaging/debian/etc`. */
  readonly source: string;
  /** With `/` before it. */
  readonly path: string;
  readonly mode: number;
}

export function debianFile(source: Source, ...names: string[]): string {
  return readFileSync(join(source.root, 'packaging/debian', ...names), 'utf8');
}

/** Puts configuration files into a package's tree. */
export function addConfiguration(source: Source, tree: Tree, files: readonly ConfigurationFile[]): void {
  for (const { source: name, path, mode } of files)
    tree.write(path.slice(1), debianFile(source, 'etc', name), mode);
}

/** Copies manual pages, compressed as Debian wants them. */
export function addManualPages(source: Source, tree: Tree, names: readonly string[]): void {
  for (const name of names) {
    const section = name.split('.').at(-1)?.[0] ?? '';
    tree.compress(`usr/share/man/man${section}/${name}`, readFileSync(manualPage(source, name)));
  }
}

/** Names of all manual pages of the project. */
export function manualPages({ root }: Source): string[] {
  return readdirSync(join(root, 'packaging/man'));
}

function manualPage({ root }: Source, name: string): string {
  return join(root, 'packaging/man', name);
}

/** What every package has in /usr/share/doc. */
export function addDocuments(source: Source, tree: Tree, name: string, copyright: string): void {
  const directory = `usr/share/doc/${name}`;
  tree.write(`${directory}/copyright`, copyright);
  // The first entry is for this version, also when one is made that is not released.
  const changelog = debianFile(source, 'changelog').replace(/^(\S+ )\([^)]*\)/, `$1(${source.version})`);
  tree.compress(`${directory}/changelog.Debian`, changelog);
  tree.compress(`${directory}/changelog`, readFileSync(join(source.root, 'CHANGELOG.md')));
  tree.write(`${directory}/README.Debian`, debianFile(source, name, 'README.Debian'));
  const overrides = readdirSync(join(source.root, 'packaging/debian', name)).includes('lintian-overrides');
  if (overrides) {
    tree.write(`usr/share/lintian/overrides/${name}`, debianFile(source, name, 'lintian-overrides'));
  }
}

/**
 * The maintainer scripts of a package, with what they share put in.
 * @param original the package that it takes the place of
 */
export function maintainerScripts(
  source: Source,
  name: string,
  original: string,
  configuration: readonly ConfigurationFile[],
): Package['scripts'] {
  const keep = debianFile(source, 'keep-configuration.sh').trimEnd();
  const updateImages = debianFile(source, 'update-image.sh').trimEnd();
  const keepFiles = configuration.map(file => {
    const text = debianFile(source, 'etc', file.source).trimEnd();
    return `    keep ${file.path} ${original} <<'END_OF_FILE'\n${text}\nEND_OF_FILE`;
  });
  const putBack = configuration.map(({ path }) => `    put_back ${path}`);
  const parts: Readonly<Record<string, string>> = {
    KEEP: keep,
    UPDATE_IMAGES: updateImages,
    KEEP_FILES: keepFiles.join('\n'),
    PUT_BACK: putBack.join('\n'),
  };
  const read = (script: string) =>
    debianFile(source, name, script).replaceAll(/^@(\w+)@$/gm, (_, part: string) => {
      const text = parts[part];
      if (text === undefined) throw new Error(`${name}/${script} asks for @${part}@`);
      return text;
    });
  const scripts = readdirSync(join(source.root, 'packaging/debian', name)).filter(file =>
    /^(?:pre|post)/.test(file),
  );
  return Object.fromEntries(scripts.map(script => [script, read(script)]));
}

/** A control file whose dependencies on libraries are filled in. */
export function controlText(source: Source, name: string, libraries: readonly string[]): string {
  return debianFile(source, name, 'control').replace('@LIBRARIES@', libraries.join(', '));
}
