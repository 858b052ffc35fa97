import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { describeError, MandosError } from '../../../common/errors.js';
import { IMAGE_FAULT } from './fault.js';

/** A way in which the kernel takes an image compressed. */
export interface Compression {
  readonly name: string;
  /** How it begins, in hexadecimal: the kernel's lib/decompress.c. */
  readonly magic: string;
  /** The program that decompresses from standard input to standard output; absent: this one does. */
  readonly command?: readonly [string, ...string[]];
}

/** Memory that a decompressor may take: what an image asks for is not to be trusted. */
const XZ_MEMORY = '--memlimit-decompress=512MiB';

const COMPRESSIONS: readonly Compression[] = [
  { name: 'gzip', magic: '1f8b' },
  { name: 'zstd', magic: '28b52ffd', command: ['zstd', '-dcq'] },
  { name: 'xz', magic: 'fd377a585a00', command: ['xz', '-dcq', XZ_MEMORY] },
  { name: 'lzma', magic: '5d0000', command: ['xz', '-dcq', '--format=lzma', XZ_MEMORY] },
  { name: 'lz4', magic: '02214c18', command: ['lz4', '-dcq'] },
  { name: 'lz4', magic: '04224d18', command: ['lz4', '-dcq'] },
  { name: 'bzip2', magic: '425a68', command: ['bzip2', '-dcq'] },
  { name: 'lzop', magic: '894c5a4f', command: ['lzop', '-dcq'] },
];

/** Bytes of an image's compressed part that tell its kind. */
export const MAGIC_BYTES = 6;

/** What is compressed this way, by its first bytes. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  const digits = Buffer.from(head).toString('hex');
  return COMPRESSIONS.find(({ magic }) => digits.startsWith(magic));
}

/**
 * Decompresses a stream, in memory: an image has private keys, and no copy of them is to get onto a disk.
 * @throws MandosError IMAGE: damaged, cut off, or the program that it takes is not installed
 */
export async function* decompress(
  compression: Compression,
  compressed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (compression.command === undefined) yield* gunzip(compressed);
  else yield* byProgram(compression.command, compressed);
}

async function* gunzip(compressed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const unpacker = createGunzip();
  const feeding = pipeline(Readable.from(compressed), unpacker);
  feeding.catch(() => {}); // what reads from it gets the error
  try {
    for await (const chunk of unpacker) yield chunk as Uint8Array;
    await feeding;
  } catch (error) {
    throw error instanceof MandosError ? error : damaged('gzip', describeError(error), error);
  } finally {
    unpacker.destroy();
  }
}

/** Bytes of a program's messages that are looked at. */
const STDERR_LIMIT = 4096;

async function* byProgram(
  [program, ...args]: readonly [string, ...string[]],
  compressed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const child = spawn(program, args, {
    stdio: 'pipe',
    env: { ...process.env, LC_ALL: 'C' },
  }) as ChildProcessByStdio<Writable, Readable, Readable>;
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    if (stderr.length < STDERR_LIMIT) stderr += chunk.toString('latin1');
  });
  let startFault: NodeJS.ErrnoException | undefined;
  const closed = new Promise<number | null>(resolve => {
    child.once('error', error => {
      startFault = error;
      resolve(null);
    });
    child.once('close', status => resolve(status));
  });
  // It may end before it has read all.
  child.stdin.on('error', () => {});
  const feeding = feed(child.stdin, compressed, closed);
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const status = await closed;
    if (startFault !== undefined) throw cannotStart(program, startFault);
    await feeding;
    if (status !== 0) {
      const [line = ''] = stderr.trim().split('\n', 1);
      throw damaged(program, line || `it ended with status ${status}`);
    }
  } finally {
    child.kill('SIGKILL');
    await closed;
    await feeding.catch(() => {});
  }
}

/** @throws what reading throws */
async function feed(
  stdin: Writable,
  compressed: AsyncIterable<Uint8Array>,
  closed: Promise<unknown>,
): Promise<void> {
  try {
    for await (const chunk of compressed) {
      if (stdin.destroyed) return;
      if (!stdin.write(chunk)) await Promise.race([once(stdin, 'drain').catch(() => {}), closed]);
    }
  } finally {
    stdin.end();
  }
}

function cannotStart(program: string, error: NodeJS.ErrnoException): MandosError {
  const why = error.code === 'ENOENT' ? 'is not installed: install it' : describeError(error);
  return new MandosError(IMAGE_FAULT, `cannot be unpacked: the command ${program} ${why}`, { cause: error });
}

function damaged(by: string, why: string, cause?: unknown): MandosError {
  return new MandosError(IMAGE_FAULT, `is damaged or cut off (${by}: ${why})`, { cause });
}
