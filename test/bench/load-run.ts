import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../support/namespace.js';
import type { Keys } from '../support/programs.js';
import { besideServer } from './cores.js';
import { buildProgram, CAN_BUILD } from './native.js';

const LIMIT_MS = 600_000;

export interface Load {
  readonly releases: number;
  readonly simultaneous: number;
  /** Releases that begin in a second; 0: one begins when another has ended. */
  readonly rate?: number;
}

/** Milliseconds are of one release, from when it is due until its client has the secret and has closed. */
export interface LoadResult {
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadProgram {
  /**
   * Lets a fleet ask for one client's secret.
   * @param port on the host's ::1
   * @throws when not every client has got these very bytes
   */
  run(host: Host, port: number, load: Load): Promise<LoadResult>;
  /** The file with the secret. */
  readonly secretFile: string;
  readonly name: string;
}

/**
 * The load generator: load.c, or load.ts where it cannot be built.
 * @param directory to build it in
 */
export async function prepareLoad(directory: string, { keys, section }: Keys): Promise<LoadProgram> {
  const secretFile = join(directory, 'secret');
  writeFileSync(secretFile, secretOf(section));
  const command = CAN_BUILD
    ? [await buildProgram('load', directory)]
    : [process.execPath, join(import.meta.dirname, 'load.js')];
  const run = async (host: Host, port: number, { releases, simultaneous, rate = 0 }: Load) => {
    const args = ['::1', port, keys, releases, simultaneous, rate, secretFile].map(String);
    const [program = '', ...rest] = besideServer([...command, ...args]);
    const { stdout, stderr } = await host.run(program, rest, { timeoutMs: LIMIT_MS });
    const result = JSON.parse(stdout || '{}') as LoadResult & { ok?: number; faults?: string[] };
    if (result.ok !== releases) {
      throw new Error(`only ${result.ok} of ${releases} releases: ${result.faults?.join(', ')} ${stderr}`);
    }
    return result;
  };
  return { run, secretFile, name: CAN_BUILD ? 'load.c' : 'load.ts' };
}

/** What a release sends, from a section of clients.conf. */
function secretOf(section: string): Buffer {
  return Buffer.from(/^secret =\s*\n((?:[ \t]+.*\n?)+)/m.exec(section)?.[1] ?? '', 'base64');
}
