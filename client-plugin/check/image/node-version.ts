/** What stands before the version in the address of a release, which a node knows of itself. */
const RELEASE = Buffer.from('/download/release/v');
/** The version as a string of its own: process.version. */
const STRING = Buffer.from('\0v');
/** Strings of that form that are looked at. */
const MAX_TRIES = 100_000;

/**
 * The version that stands in a node's program, which cannot be run when it is another machine's or in an image.
 * @returns as in `20.19.2`; undefined when it does not say, as one whose code is in a library
 */
export function nodeVersionOf(program: Buffer): string | undefined {
  return (
    find(program, RELEASE, /^(\d{1,3}\.\d{1,3}\.\d{1,3})\//) ??
    find(program, STRING, /^(\d{1,3}\.\d{1,3}\.\d{1,3})\0/)
  );
}

function find(program: Buffer, before: Buffer, pattern: RegExp): string | undefined {
  let at = program.indexOf(before);
  for (let tries = 0; at >= 0 && tries < MAX_TRIES; tries++) {
    const start = at + before.length;
    const [, version] = pattern.exec(program.toString('latin1', start, start + 16)) ?? [];
    if (version !== undefined) return version;
    at = program.indexOf(before, start);
  }
  return undefined;
}
