import { run } from './run.js';

/** The key types of ssh-keyscan(1) that are tried, first one found wins. */
const KEY_TYPES = ['ecdsa-sha2-nistp256', 'ed25519', 'rsa'] as const;

/** An SSH server's host key, by which a checker can tell a machine from another one with its address. */
export interface SshFingerprint {
  /** What ssh-keyscan's `-t` takes. */
  readonly keyType: string;
  /** The line of ssh-keyscan behind the host's name: key type and key. */
  readonly key: string;
}

/** The host key of the SSH server of this machine, or undefined when none answers or ssh-keyscan is not installed. */
export async function scanLocalSshKey(): Promise<SshFingerprint | undefined> {
  for (const keyType of KEY_TYPES) {
    const key = await scan(keyType);
    if (key !== undefined) return { keyType, key };
  }
  return undefined;
}

async function scan(keyType: string): Promise<string | undefined> {
  try {
    const { stdout } = await run('ssh-keyscan', ['-t', keyType, 'localhost']);
    return /^localhost (\S+ \S+)$/m.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}
