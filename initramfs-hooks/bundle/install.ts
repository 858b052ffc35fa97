import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describeError, MandosError } from '../../common/errors.js';
import { BOOT_CACHES, BOOT_FILES, BOOT_LAUNCHER, BOOT_LINKS } from './layout.js';
import { launcherText, MAKE_CACHE } from './launcher.js';

/**
 * How long the making of the cache may take: a second on a fast machine, half a minute on an emulated one. A boot works
 * without the cache, and the making of an image must not hang.
 */
const CACHE_LIMIT_MS = 180_000;

/** Where the files of the bundle are: beside the installed program, or where `npm run bundle` puts them. */
export function findBundle(programDirectory: string): string {
  const directories = [programDirectory, join(programDirectory, '../../bundle')];
  const found = directories.find(directory => existsSync(join(directory, BOOT_FILES[0])));
  if (found === undefined) {
    throw new MandosError(
      'BUNDLE_MISSING',
      `${BOOT_FILES[0]} is not in ${programDirectory}: install the package again, or run "npm run bundle" in a checkout`,
    );
  }
  return found;
}

/**
 * Puts the programs of the initramfs into `lib/mandos` of an image. Modes do not follow the umask, which is 0077 while
 * an image is made: plugins run as nobody and have to reach them. Other files that are there stay.
 * @param source with the files of the bundle
 * @param node what the launcher names as its interpreter
 */
export function installBoot(source: string, directory: string, node: string): void {
  makeDirectory(directory);
  // V8 takes a cache for a source of the same length, whatever is in it.
  removeCaches(directory);
  for (const file of BOOT_FILES) {
    const target = join(directory, file);
    if (target !== join(source, file)) replace(target, () => copyFileSync(join(source, file), target));
    chmodSync(target, 0o644);
  }
  writeLauncher(directory, BOOT_LAUNCHER, 'boot', node);
  for (const link of Object.values(BOOT_LINKS)) linkToLauncher(directory, link, BOOT_LAUNCHER);
  makeDirectory(join(directory, 'plugin-helpers'));
}

/** Makes `link` in `directory` a relative link to the launcher there. */
export function linkToLauncher(directory: string, link: string, launcher: string): void {
  const target = join(directory, link);
  makeDirectory(dirname(target));
  replace(target, () => symlinkSync(relative(dirname(target), join(directory, launcher)), target));
}

export function writeLauncher(directory: string, name: string, bundle: string, node: string): void {
  const target = join(directory, name);
  replace(target, () => writeFileSync(target, launcherText(node, name, bundle)));
  chmodSync(target, 0o755);
}

/**
 * Has V8's code cache written by the node that will use it: another version's would be rejected. Where the bundle lies
 * then does not matter.
 * @returns why there is none, in one line, or undefined
 */
export function makeCaches(directory: string, node: string): string | undefined {
  const caches = BOOT_CACHES.map(name => join(directory, name));
  removeCaches(directory);
  const { error, status, signal, stderr } = spawnSync(node, [join(directory, BOOT_LAUNCHER), MAKE_CACHE], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
    timeout: CACHE_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  if (status === 0 && caches.every(cache => existsSync(cache))) {
    caches.forEach(cache => chmodSync(cache, 0o644));
    return undefined;
  }
  removeCaches(directory);
  const [why = ''] = (error ? describeError(error) : stderr).trim().split('\n', 1);
  return why || `ended with ${signal ?? `status ${status}`}`;
}

function removeCaches(directory: string): void {
  for (const name of BOOT_CACHES) rmSync(join(directory, name), { force: true });
}

function replace(target: string, make: () => void): void {
  rmSync(target, { force: true });
  make();
}

/** Level by level: Node.js 20's `recursive` never ends in a file system that takes no directories, such as /proc. */
function makeDirectory(directory: string): void {
  if (!existsSync(directory)) {
    makeDirectory(dirname(directory));
    mkdirSync(directory);
    chmodSync(directory, 0o755);
  }
}
