import { spawnSync } from 'node:child_process';

/** An entry of a made-up archive. */
export interface Entry {
  readonly name: string;
  readonly content?: string | Buffer;
  /** st_mode; a file of 0644 without. */
  readonly mode?: number;
  readonly links?: number;
  readonly inode?: number;
  /** What the header says, where that is not true. */
  readonly announced?: { readonly size?: number; readonly nameBytes?: number };
}

/** An archive of the format "newc" as no program would write it. */
export function archive(entries: readonly Entry[], end = true): Buffer {
  const all = end ? [...entries, { name: 'TRAILER!!!', mode: 0 }] : entries;
  return Buffer.concat(all.map((entry, i) => encode(entry, i)));
}

function encode(
  { name, content = '', mode = 0o100644, links = 1, inode, announced = {} }: Entry,
  i: number,
): Buffer {
  const body = Buffer.from(content);
  const nameBytes = Buffer.from(`${name}\0`);
  const fields = [
    inode ?? i + 1,
    mode,
    0,
    0,
    links,
    0,
    announced.size ?? body.length,
    0,
    0,
    0,
    0,
    announced.nameBytes ?? nameBytes.length,
    0,
  ];
  const header = Buffer.from(`070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([aligned(header, nameBytes), aligned(body)]);
}

function aligned(...parts: Buffer[]): Buffer {
  const whole = Buffer.concat(parts);
  return Buffer.concat([whole, Buffer.alloc(-whole.length & 3)]);
}

export const DIRECTORY = 0o040755;
export const LINK = 0o120777;

/** Packs a directory by the real cpio(1), as mkinitramfs does. */
export function packTree(directory: string): Buffer {
  return command('sh', ['-c', 'find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0'], { cwd: directory });
}

/** Compresses with a real program. */
export function compress(words: readonly [string, ...string[]], input: Buffer): Buffer {
  return command(words[0], words.slice(1), { input });
}

function command(
  program: string,
  args: readonly string[],
  options: { cwd?: string; input?: Buffer },
): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, maxBuffer: 1024 ** 3 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.toString()}`);
  return stdout;
}
