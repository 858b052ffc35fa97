import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { access, lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describeError } from '../../common/errors.js';

/** Names in a directory that are hooks, as run-parts(8) has it: not what editors and packages leave behind. */
const HOOK_NAME = /^[A-Za-z0-9_-]+$/;

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

export interface FoundHooks {
  /** Absolute paths, in the order in which they are run. */
  readonly hooks: readonly string[];
  /** What is wrong, for people: one line each. */
  readonly problems: readonly string[];
}

/**
 * Finds the hooks that on_event names, anew each time: an administrator adds and removes them without telling the
 * server. What somebody else could have written is not run. Never throws.
 * @param path absolute, of an executable or of a directory of executables
 * @param uid whom the server runs as
 */
export async function findHooks(path: string, uid: number): Promise<FoundHooks> {
  try {
    const there = await stat(path);
    if (!there.isDirectory()) {
      const problem = (await parentProblem(dirname(path), uid)) ?? (await fileProblem(path, there, uid));
      return problem === undefined ? { hooks: [path], problems: [] } : { hooks: [], problems: [problem] };
    }
    const problem = (await nameProblem(path, uid)) ?? writersProblem(path, there, uid);
    if (problem !== undefined) return { hooks: [], problems: [problem] };
    return await findIn(path, uid);
  } catch (error) {
    return { hooks: [], problems: [`on_event: ${path}: ${describeError(error)}: nobody hears of events`] };
  }
}

async function findIn(directory: string, uid: number): Promise<FoundHooks> {
  const hooks: string[] = [];
  const problems: string[] = [];
  for (const name of (await readdir(directory)).toSorted()) {
    if (!HOOK_NAME.test(name)) continue;
    const path = join(directory, name);
    const there = await stat(path).catch(() => undefined);
    if (there?.isDirectory()) continue;
    const problem = there
      ? await fileProblem(path, there, uid)
      : `on_event: ${path}: it is a link to nowhere, or was just removed`;
    if (problem === undefined) hooks.push(path);
    else problems.push(problem);
  }
  if (hooks.length + problems.length === 0) {
    problems.push(
      `on_event: ${directory} has no hooks in it (their names have letters, digits, "_" and "-" only)`,
    );
  }
  return { hooks, problems };
}

async function fileProblem(path: string, there: Stats, uid: number): Promise<string | undefined> {
  if (!there.isFile()) return `on_event: ${path} is not a file: it is not run`;
  try {
    await access(path, constants.X_OK);
  } catch {
    return `on_event: ${path} cannot be executed by the user that the server runs as (chmod +x): it is not run`;
  }
  return (await nameProblem(path, uid)) ?? writersProblem(path, there, uid);
}

/**
 * Of the directory of a single hook. With the sticky bit, others cannot put another file in the place of one; that they
 * could add one is of no matter here, as it is where all that a directory has is run.
 */
async function parentProblem(directory: string, uid: number): Promise<string | undefined> {
  const there = await stat(directory);
  return (there.mode & STICKY) === 0
    ? writersProblem(directory, there, uid)
    : ownerProblem(directory, there, uid);
}

/** A symbolic link belongs to whoever has chosen what is run, whomever that belongs to. */
async function nameProblem(path: string, uid: number): Promise<string | undefined> {
  return ownerProblem(path, await lstat(path), uid);
}

function writersProblem(path: string, there: Stats, uid: number): string | undefined {
  if ((there.mode & WRITABLE_BY_OTHERS) !== 0) {
    return `on_event: ${path} can be written by others than its owner (chmod go-w): no hook is run from it`;
  }
  return ownerProblem(path, there, uid);
}

function ownerProblem(path: string, { uid: owner }: Stats, uid: number): string | undefined {
  if (owner === 0 || owner === uid) return undefined;
  return `on_event: ${path} belongs neither to root nor to the user that the server runs as: no hook is run from it`;
}
