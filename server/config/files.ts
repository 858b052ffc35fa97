import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { describeError } from '../../common/errors.js';

/**
 * Bytes that a configuration file may have: a hundred thousand clients with secrets of 2 kB; a larger one is no
 * configuration.
 */
export const CONFIG_LIMIT_BYTES = 256 * 1024 * 1024;

/** Permission bits of stat(2). */
const ANY_EXECUTE = 0o111;

export type FileContent =
  | {
      readonly kind: 'read';
      readonly bytes: Uint8Array;
      /** Permission bits of stat(2). */ readonly mode: number;
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly reason: string };

export type DirectoryContent =
  | {
      readonly kind: 'read';
      /** In no order, of files and of anything else. */ readonly names: readonly string[];
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** What a path leads to; a file is `executable` if anybody may execute it, and `unknown` is what cannot be looked at. */
export type PathKind = 'executable' | 'file' | 'directory' | 'other' | 'missing' | 'unknown';

/** What reading the configuration asks of the system. */
export interface ConfigFiles {
  /** @param limitBytes of which a larger file is unreadable */
  read(path: string, limitBytes: number): FileContent;
  list(directory: string): DirectoryContent;
  isDirectory(path: string): boolean;
  kindOf(path: string): PathKind;
  environment(name: string): string | undefined;
  /** Home directory of a user, or of the one who runs this for ''; undefined if there is no such user. */
  homeOf(user: string): string | undefined;
}

export const systemFiles: ConfigFiles = {
  read,
  list,
  isDirectory,
  kindOf,
  environment: name => process.env[name],
  homeOf: user => (user === '' ? homedir() : homeInPasswd(readPasswd(), user)),
};

function read(path: string, limitBytes: number): FileContent {
  let fd: number | undefined;
  try {
    // Without O_NONBLOCK the open of a named pipe would wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = fstatSync(fd);
    if (!status.isFile()) return { kind: 'unreadable', reason: 'it is not a regular file' };
    if (status.size > limitBytes) {
      return { kind: 'unreadable', reason: `it has more than ${limitBytes} bytes` };
    }
    return { kind: 'read', bytes: readFileSync(fd), mode: status.mode };
  } catch (error) {
    if (isMissing(error)) return { kind: 'missing' };
    return { kind: 'unreadable', reason: reasonOf(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function list(directory: string): DirectoryContent {
  try {
    return { kind: 'read', names: readdirSync(directory) };
  } catch (error) {
    // One that is a file is there, and cannot be listed.
    if (isMissing(error) && !existsSync(directory)) return { kind: 'missing' };
    return { kind: 'unreadable', reason: reasonOf(error) };
  }
}

/** Of "EACCES: permission denied, open '/path'" the middle: the caller names the path. */
function reasonOf(error: unknown): string {
  return describeError(error).replace(/^\w+: ([^,]*),.*$/s, '$1');
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // one that cannot be looked at cannot be read either
  }
}

function kindOf(path: string): PathKind {
  try {
    const status = statSync(path);
    if (status.isDirectory()) return 'directory';
    if (!status.isFile()) return 'other';
    return (status.mode & ANY_EXECUTE) === 0 ? 'file' : 'executable';
  } catch (error) {
    return isMissing(error) ? 'missing' : 'unknown';
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}

/** The home directory in a line of passwd(5). Users of other sources (LDAP) need their path written out. */
function homeInPasswd(passwd: string, user: string): string | undefined {
  const line = passwd.split('\n').find(text => text.startsWith(`${user}:`));
  return line?.split(':')[5];
}
