import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { describeError, MandosError } from '../../common/errors.js';

/** Who has verdicts to read is for the administrator to say, by making the file beforehand. */
const MODE = 0o600;

/**
 * O_NOFOLLOW: the directory may belong to the user that the server runs as, who must not have root open just any file.
 * O_NONBLOCK: a named pipe is refused, not waited for. Node.js adds O_CLOEXEC. Reading is for the file's last byte.
 */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const NEWLINE = 0x0a;

/** Whom a file that is made belongs to. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** A file to which whole lines are appended. */
export class AuditFile {
  readonly path: string;
  readonly #fd: number;
  /** The file ends amid a line: of a disk that was full, or a machine whose power failed. */
  #isTorn: boolean;

  /**
   * Opens a file, or makes it.
   * @throws MandosError AUDIT_LOG
   */
  constructor(path: string, owner: FileOwner | undefined) {
    this.path = path;
    this.#fd = openFile(path, owner);
    try {
      this.#isTorn = endsAmidLine(this.#fd);
    } catch (error) {
      closeSync(this.#fd);
      throw cannotOpen(path, describeError(error), error);
    }
  }

  /**
   * Appends a line with one write(2), so that other writers' lines stay apart from it.
   * @throws what the system says; then the line is not in the file, or its first part, which no later line continues
   */
  append(line: string): void {
    let rest = Buffer.from(`${this.#isTorn ? '\n' : ''}${line}\n`);
    // A disk that becomes full takes a part, and says why only when it is asked for the rest.
    while (rest.length > 0) {
      const bytes = writeSync(this.#fd, rest);
      if (bytes > 0) this.#isTorn = rest[bytes - 1] !== NEWLINE;
      rest = rest.subarray(bytes);
    }
  }

  /** Whether this file still has its name. */
  isAt(path: string): boolean {
    try {
      const there = statSync(path, { bigint: true });
      const open = fstatSync(this.#fd, { bigint: true });
      return there.ino === open.ino && there.dev === open.dev;
    } catch {
      return false;
    }
  }

  /** Never throws: what a file system says only now cannot be mended any more. */
  close(): void {
    try {
      closeSync(this.#fd);
    } catch {
      // The descriptor is free all the same.
    }
  }
}

function openFile(path: string, owner: FileOwner | undefined): number {
  let fd: number | undefined;
  try {
    // The last, if another has made it meanwhile.
    fd = openExisting(path) ?? makeFile(path, owner) ?? openExisting(path);
    if (fd === undefined) throw cannotOpen(path, 'another program makes and removes it');
    if (!fstatSync(fd).isFile()) throw cannotOpen(path, 'it is not a file');
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (error instanceof MandosError) throw error;
    throw cannotOpen(path, explain(error), error);
  }
}

function openExisting(path: string): number | undefined {
  try {
    return openSync(path, FLAGS);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Makes a file that is not there. O_EXCL: in a directory of another user, root gives away only what it has made itself.
 * @returns its descriptor; undefined when something has this name already, be it a symbolic link to nowhere
 * @throws what the system says
 */
export function makeFile(path: string, owner: FileOwner | undefined): number | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, FLAGS | constants.O_CREAT | constants.O_EXCL, MODE);
    if (owner) fchownSync(fd, owner.uid, owner.gid);
    return fd;
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    else if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}

function endsAmidLine(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
}

function explain(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'its directory does not exist';
    case 'EISDIR':
      return 'it is a directory (give the path of a file in it)';
    case 'ELOOP':
      return 'it is a symbolic link (give the path of the file itself)';
    default:
      return describeError(error);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function cannotOpen(path: string, why: string, cause?: unknown): MandosError {
  return new MandosError('AUDIT_LOG', `${path}: the audit log cannot be opened: ${why}`, { cause });
}
