import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BUILD = join(import.meta.dirname, '../../packaging/build/main.js');

export interface Packages {
  readonly server: string;
  readonly client: string;
}

/**
 * Makes the packages in a new directory, which the caller removes.
 * @param args of the build
 * @param env what is different in its environment
 */
export function buildPackages(
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Packages & { directory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'packages-'));
  execFileSync(process.execPath, [BUILD, `--out=${directory}`, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const find = (pattern: RegExp) =>
    join(directory, readdirSync(directory).find(name => pattern.test(name)) ?? '');
  return { directory, server: find(/^mandos-ts_/), client: find(/^mandos-ts-client_/) };
}

export function removePackages({ directory }: { readonly directory: string }): void {
  if (existsSync(directory)) rmSync(directory, { recursive: true });
}
