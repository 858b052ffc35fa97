import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { listFiles } from './tree.js';

/** A module of others that a package has in it. */
export interface BundledModule {
  readonly name: string;
  readonly version: string;
  /** As its package.json says it (SPDX). */
  readonly license: string;
  readonly homepage: string | undefined;
  /** Where it lies. */
  readonly directory: string;
}

/** Modules that only hold a binary for one kind of machine are asked for by names that are put together at run time. */
interface LockedPackage {
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly dev?: boolean;
}

/**
 * Which files of node_modules programs need at run time: those that esbuild reaches from their first files, package.json
 * of each module, and the binaries for this kind of machine (with glibc).
 * @param root of the project
 * @param programs first files, relative to the root
 * @returns paths relative to the root, sorted
 */
export async function runtimeFiles(root: string, programs: readonly string[]): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...programs],
    outdir: join(root, 'dist'),
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    loader: { '.node': 'empty' },
    preserveSymlinks: true,
  });
  const outside = Object.keys(metafile.inputs).find(path => path.startsWith('../'));
  if (outside !== undefined) throw new Error(`${outside} lies outside the project`);
  const files = new Set(Object.keys(metafile.inputs).filter(path => path.startsWith('node_modules/')));
  for (const path of files) files.add(join(moduleOf(path), 'package.json'));
  for (const module of platformModules(root)) {
    for (const file of listFiles(join(root, module))) {
      const isWanted = /(?:^package\.json|\.js|\.node)$/.test(file) && !file.includes('musl');
      if (isWanted) files.add(join(module, file));
    }
  }
  return [...files].toSorted();
}

/** What there is to say of the modules that files belong to. */
export function modulesOf(root: string, files: Iterable<string>): BundledModule[] {
  const directories = new Set([...files].filter(file => file.startsWith('node_modules/')).map(moduleOf));
  return [...directories].toSorted().map(directory => {
    const text = readFileSync(join(root, directory, 'package.json'), 'utf8');
    const { name, version, license, homepage } = JSON.parse(text) as Record<string, string | undefined>;
    if (name === undefined || version === undefined || license === undefined) {
      throw new Error(`${directory}/package.json does not say name, version and license`);
    }
    return { name, version, license, homepage, directory: join(root, directory) };
  });
}

/** `node_modules/@scope/name/lib/x.js` is of `node_modules/@scope/name`; modules may lie in others. */
function moduleOf(path: string): string {
  const [found] = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
  if (found === undefined) throw new Error(`${path} is of no module`);
  return found;
}

function platformModules(root: string): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { os, cpu, dev }]) => {
      const isHere = os?.includes(process.platform) === true && cpu?.includes(process.arch) === true;
      return isHere && dev !== true && existsSync(join(root, path));
    })
    .map(([path]) => path);
}

/** The text of a module's licence: its file, or where it has none, undefined. */
export function licenseText({ directory }: BundledModule): string | undefined {
  const file = readdirSync(directory).find(name => /^(?:licen[cs]e|copying)(?:\.|$)/i.test(name));
  return file === undefined ? undefined : readFileSync(join(directory, file), 'utf8');
}
