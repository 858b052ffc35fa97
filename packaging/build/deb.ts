import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Tree } from './tree.js';

/** Debian's words for a kind of machine. */
export interface Architecture {
  readonly name: string;
  /** The directory below /usr/lib for its libraries. */
  readonly multiarch: string;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: { name: 'amd64', multiarch: 'x86_64-linux-gnu' },
  arm64: { name: 'arm64', multiarch: 'aarch64-linux-gnu' },
  arm: { name: 'armhf', multiarch: 'arm-linux-gnueabihf' },
};

/** Of the machine that builds: the modules' binaries are for it. */
export function thisArchitecture(): Architecture {
  const architecture = ARCHITECTURES[process.arch];
  if (!architecture) throw new Error(`no Debian packages are made for ${process.arch}`);
  return architecture;
}

const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'] as const;

export interface Package {
  readonly name: string;
  readonly version: string;
  readonly tree: Tree;
  /** Text of the control file, without Version, Architecture and Installed-Size. */
  readonly control: string;
  /** Texts of the maintainer scripts that there are. */
  readonly scripts: Readonly<Partial<Record<(typeof SCRIPTS)[number], string>>>;
  /** Paths of configuration files, each with `/` before it. */
  readonly conffiles: readonly string[];
  readonly triggers?: string;
}

/**
 * Makes the .deb file of a package.
 * @param timeS of all files in it, in seconds since the Unix epoch
 * @returns its path
 */
export function makeDeb(directory: string, of: Package, timeS: number): string {
  const { tree } = of;
  const { name: architecture } = thisArchitecture();
  const debian = new Tree(join(tree.root, 'DEBIAN'));
  const checked = tree.files().filter(path => !path.startsWith('DEBIAN/') && isFile(tree, path));
  const size = tree.sizeKb();
  const fields = [`Version: ${of.version}`, `Architecture: ${architecture}`, `Installed-Size: ${size}`];
  debian.write('control', of.control.replace(/^(Package: .*)$/m, `$1\n${fields.join('\n')}`));
  const conffiles = new Set(of.conffiles.map(path => path.slice(1)));
  const sums = checked
    .filter(path => !conffiles.has(path))
    .map(path => `${md5(join(tree.root, path))}  ${path}\n`);
  debian.write('md5sums', sums.join(''));
  if (of.conffiles.length > 0) debian.write('conffiles', of.conffiles.map(path => `${path}\n`).join(''));
  if (of.triggers !== undefined) debian.write('triggers', of.triggers);
  for (const script of SCRIPTS) {
    const text = of.scripts[script];
    if (text !== undefined) debian.write(script, text, 0o755);
  }
  tree.setTimes(timeS);
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${of.name}_${of.version}_${architecture}.deb`);
  rmSync(file, { force: true });
  // One thread: how many there are changes what comes out.
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--threads-max=1', '--build', tree.root, file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, SOURCE_DATE_EPOCH: String(timeS) },
  });
  chmodSync(file, 0o644);
  return file;
}

function isFile(tree: Tree, path: string): boolean {
  return lstatSync(join(tree.root, path)).isFile();
}

function md5(file: string): string {
  return createHash('md5').update(readFileSync(file)).digest('hex');
}

/** Takes symbols and debugging information from a binary, as Debian's packages have none. */
export function strip(file: string): void {
  execFileSync('strip', ['--strip-unneeded', '--remove-section=.comment', '--remove-section=.note', file]);
}
