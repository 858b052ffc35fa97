import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../support/child.js';
import type { SpawnOptions } from '../../support/child.js';
import { MANDOS_KEYGEN } from '../../support/programs.js';
import { mandosClientTree } from '../../support/requires.js';

export const KEY_FILES = ['pubkey.txt', 'seckey.txt', 'tls-privkey.pem', 'tls-pubkey.pem'];

/** What a test has to offer to be cleaned up after. */
interface Cleanup {
  after(hook: () => void): void;
}

/** A directory that goes with the test. */
export function temporaryDirectory(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'keygen-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Milliseconds: an RSA key of 8192 bits may take this long on a busy machine. */
const KEYGEN_WAIT_MS = 600_000;

/** Runs this project's mandos-keygen to its end. */
export async function keygen(args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  const child = new Child(process.execPath, [MANDOS_KEYGEN, ...args], options);
  const { code, signal } = await child.waitForExit(KEYGEN_WAIT_MS);
  return { code, signal, stdout: child.stdout, stderr: child.stderr };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The same, for what has to succeed. @returns standard output */
export async function keygenSucceeds(...args: string[]): Promise<string> {
  const ended = await keygen(args);
  if (ended.code !== 0) throw new Error(`mandos-keygen ${args.join(' ')}: ${ended.stderr}`);
  return ended.stdout;
}

/** Runs the original's mandos-keygen, which has to succeed. @returns standard output */
export function realKeygen(...args: string[]): string {
  return command(join(mandosClientTree() ?? '', 'usr/sbin/mandos-keygen'), args).toString();
}

/** Runs a program that has to succeed. @returns standard output */
export function command(
  program: string,
  args: readonly string[],
  options: { input?: string | Uint8Array; env?: Record<string, string> } = {},
): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input: options.input ?? '',
    env: { ...process.env, LC_ALL: 'C', ...options.env },
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.toString()}`);
  return stdout;
}

/** gpg(1) with a home of the test's own and its default configuration. */
export type Gpg = (args: readonly string[], input?: string | Uint8Array) => Buffer;

export function gpgWithHome(t: Cleanup): Gpg {
  const home = join(temporaryDirectory(t), 'gpg');
  mkdirSync(home, { mode: 0o700 });
  const env = { GNUPGHOME: home };
  t.after(() => spawnSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, ...env } }));
  const always = ['--batch', '--yes', '--quiet', '--no-tty', '--trust-model=always'];
  return (args, input = '') => command('gpg', [...always, ...args], { input, env });
}

/** The blob of a clients.conf section. */
export function secretOf(section: string): Buffer {
  const lines = section.split('\n').filter(line => line.startsWith('    '));
  if (lines.length === 0) throw new Error(`no secret in ${section}`);
  return Buffer.from(lines.join(''), 'base64');
}

/** The value of an option of a section. */
export function valueOf(section: string, option: string): string | undefined {
  return new RegExp(`^${option} = (.*)$`, 'm').exec(section)?.[1];
}
