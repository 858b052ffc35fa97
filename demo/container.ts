import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { Program, runProgram } from './program.js';

/** Big enough for a LUKS2 header and little more. */
const CONTAINER_BYTES = 32 * 1024 * 1024;
/** In the administrator's directories, which an ordinary user's PATH lacks. */
const CRYPTSETUP = ['/usr/sbin/cryptsetup', '/sbin/cryptsetup'].find(file => existsSync(file));

/**
 * Makes a LUKS2 container file that a password opens.
 * @returns the file, or undefined without cryptsetup
 */
export async function makeContainer(file: string, password: Uint8Array): Promise<string | undefined> {
  if (CRYPTSETUP === undefined) return undefined;
  writeFileSync(file, '', { mode: 0o600 });
  truncateSync(file, CONTAINER_BYTES);
  const quick = ['--pbkdf=pbkdf2', '--pbkdf-force-iterations=1000', '--disable-locks', '--batch-mode'];
  await runProgram(CRYPTSETUP, ['luksFormat', '--type=luks2', ...quick, '--key-file=-', file], password);
  return file;
}

/** Whether the password opens the container; it is given on standard input only. */
export async function opensContainer(file: string, password: Uint8Array): Promise<boolean> {
  const args = ['open', '--test-passphrase', '--disable-locks', '--key-file=-', file];
  return (await new Program(CRYPTSETUP ?? 'cryptsetup', args, password).exited) === 0;
}
