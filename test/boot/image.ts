import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child } from '../support/child.js';

const execute = promisify(execFile);
export const SCRIPTS = join(import.meta.dirname, '../../../test/boot');

/** Opens every encrypted volume of these tests. */
export const PASSWORD = 'correct horse battery';

/** The trees of trees.sh. */
export type Tree = 'base' | 'original' | 'dracut' | 'clevis';

export interface ImageOptions {
  /** What the image is called; with the same name in the same run it is made once. */
  readonly name: string;
  readonly tree: Tree;
  /** A script for sh -e that is run in the tree; $IN has `files`, and what is put into $OUT is in the image's directory. */
  readonly setup: string;
  /** Files for the setup: contents, or the path of a file or directory to copy. */
  readonly files?: Readonly<Record<string, { content: string } | { path: string }>>;
  /** Encrypted volumes, all with the same password. */
  readonly volumes?: readonly string[];
  /** What the kernel needs to be told to find the root. */
  readonly append?: string;
}

/** What a machine boots from. */
export interface Image {
  /** vmlinuz, initrd and a disk for each volume. */
  readonly directory: string;
  readonly volumes: readonly string[];
  readonly append: string;
}

/** Where images are kept: for the whole run of test/boot/run.sh, or for this process. */
export function imagesDirectory(): string {
  const given = process.env['MANDOS_BOOT_IMAGES'];
  if (given !== undefined) return given;
  if (own === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'boot-images-'));
    own = made;
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  return own;
}
let own: string | undefined;

/** Makes kernel, initial RAM disk image and encrypted disks, unless this run has made them already. */
export async function makeImage(options: ImageOptions): Promise<Image> {
  const { name, volumes = ['root'], append = 'root=/dev/mapper/root' } = options;
  const directory = join(imagesDirectory(), name);
  if (!existsSync(directory)) {
    const work = `${directory}.new`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(join(work, 'in'), { recursive: true });
    for (const [file, source] of Object.entries(options.files ?? {})) {
      const to = join(work, 'in', file);
      if ('path' in source) await execute('cp', ['-a', source.path, to]);
      else writeFileSync(to, source.content);
    }
    writeFileSync(join(work, 'in/setup'), `IN=/mnt/in OUT=/mnt/out\n${options.setup}\n`);
    writeFileSync(join(work, 'password'), PASSWORD, { mode: 0o600 });
    chmodSync(work, 0o755);
    const tree = await treeDirectory(options.tree);
    await run('image.sh', [tree, join(work, 'in'), work, join(work, 'password'), ...volumes]);
    renameSync(work, directory);
  }
  return { directory, volumes, append };
}

/** The directory of a Debian tree; makes it when it is not there yet. */
export async function treeDirectory(tree: Tree): Promise<string> {
  return (await run('trees.sh', [tree])).trim();
}

/** The text of a file that the setup has put into $OUT. */
export function imageFile(image: Image, name: string): string {
  return readFileSync(join(image.directory, name), 'utf8');
}

async function run(script: string, args: readonly string[]): Promise<string> {
  const child = new Child('bash', [join(SCRIPTS, script), ...args], {});
  const { code } = await child.waitForExit(MAKE_LIMIT_MS);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} failed: ${child.tail()}`);
  return child.stdout;
}

/** A tree is downloaded, or an image made, on a machine that is busy with others too. */
const MAKE_LIMIT_MS = 1_800_000;
