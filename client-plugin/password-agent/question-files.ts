import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
} from 'node:fs';
import { join } from 'node:path';
import { getuid } from 'node:process';
import { describeError } from '../../common/errors.js';
import type { AskFile } from './ask-file.js';
import { parseAskFile } from './ask-file.js';

/** A question has some hundred bytes; its message is a line for a console. */
export const ASK_FILE_LIMIT_BYTES = 16 * 1024;

/** A question that somebody waits with. */
export interface AskedQuestion extends AskFile {
  /** Of this one question: a file of the same name that was written later is another. */
  readonly key: string;
}

/**
 * Names of the files that stand for questions, whoever's and however old: as long as there is one, the path unit starts
 * the program again (systemd.path(5)). Needs root.
 * @throws the system's error when the directory cannot be read
 */
export function questionNames(directory: string): string[] {
  return readdirSync(directory).filter(name => name.startsWith('ask.'));
}

/**
 * Reads the questions that are open now. Needs root.
 * @param fault called with one line for each file that is not a question, or not one to be trusted
 * @throws the system's error when the directory cannot be read
 */
export function readQuestions(directory: string, fault: (message: string) => void): AskedQuestion[] {
  return questionNames(directory)
    .toSorted()
    .flatMap(name => {
      const file = join(directory, name);
      const question = readQuestion(file);
      if (typeof question === 'string') {
        fault(`${file} is ignored: ${question}`);
        return [];
      }
      return question && isWaiting(question) ? question : [];
    });
}

/** Whose questions and sockets are trusted: root's, or those of who tries this out. */
export function isTrusted(userId: number): boolean {
  return userId === 0 || userId === getuid?.();
}

/** @returns undefined when it is gone, a text when it is no good */
function readQuestion(file: string): AskedQuestion | string | undefined {
  let descriptor;
  try {
    // Non-blocking: a FIFO of that name must not hold us up.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    return code === 'ELOOP' ? 'it is a link' : describeError(error);
  }
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (!stats.isFile()) return 'it is not a file';
    if (!isTrusted(Number(stats.uid))) return `it belongs to user ${stats.uid}`;
    if (stats.size > ASK_FILE_LIMIT_BYTES) return `it has ${stats.size} bytes`;
    const buffer = Buffer.alloc(ASK_FILE_LIMIT_BYTES);
    const text = buffer.toString('utf8', 0, readSync(descriptor, buffer));
    const parsed = parseAskFile(text);
    if (typeof parsed === 'string') return `it ${parsed}`;
    return { ...parsed, key: `${file} ${stats.ino} ${stats.mtimeNs} ${parsed.pid}` };
  } catch (error) {
    return describeError(error);
  } finally {
    closeSync(descriptor);
  }
}

function isWaiting({ pid, notAfterUs, socket }: AskFile): boolean {
  const nowUs = process.hrtime.bigint() / 1000n; // CLOCK_MONOTONIC
  if (notAfterUs !== 0n && notAfterUs <= nowUs) return false;
  return existsSync(`/proc/${pid}`) && isTrustedSocket(socket);
}

function isTrustedSocket(path: string): boolean {
  try {
    const stats = lstatSync(path);
    return stats.isSocket() && isTrusted(stats.uid);
  } catch {
    return false;
  }
}
