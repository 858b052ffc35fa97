import { spawn } from 'node:child_process';

/** How a program ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Administrators' programs, which are not in every user's PATH. */
const PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;

/**
 * Runs a program without a shell.
 * @param input for its standard input; nothing without
 * @param signal ends it
 * @throws the error of spawning: ENOENT, or the abort
 */
export function run(
  command: string,
  args: readonly string[],
  { input, signal }: { input?: Uint8Array; signal?: AbortSignal } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, PATH, LC_ALL: 'C' }, signal });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', status =>
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }),
    );
    // A program that ends before it has read its input is judged by its status.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
