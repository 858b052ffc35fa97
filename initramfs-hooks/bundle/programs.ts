import type { LogSink } from '../../common/log.js';
import { describeError } from '../../common/errors.js';

/** A program of a bundle: `main` of its module, which is evaluated only when this program is started. */
export type Load = () => Promise<{ readonly main: (argv: readonly string[]) => Promise<void> }>;

/** sysexits(3). */
const EX_USAGE = 64;

/**
 * Starts the program that a bundle is called as: by a link of the program's name, or by the launcher's own name with
 * the program as first argument.
 * @param launcher the launcher's own name, for messages
 * @param calledAs the path by which it was called
 */
export async function start(
  programs: Readonly<Record<string, Load>>,
  launcher: string,
  calledAs: string,
  argv: readonly string[],
  sinkOf: (program: string) => LogSink,
): Promise<void> {
  const ownName = calledAs.slice(calledAs.lastIndexOf('/') + 1);
  const [name, args] = Object.hasOwn(programs, ownName) ? [ownName, argv] : [argv[0], argv.slice(1)];
  const load = name !== undefined && Object.hasOwn(programs, name) ? programs[name] : undefined;
  if (name === undefined || load === undefined) {
    const names = Object.keys(programs).join(', ');
    sinkOf(launcher).write('error', `name the program to run, or call it by a link of that name: ${names}`);
    process.exitCode = EX_USAGE;
    return;
  }
  try {
    const { main } = await load();
    await main(args);
  } catch (error) {
    // A library that is missing, which the loader names on its first line.
    const [why = ''] = describeError(error).split('\n', 1);
    sinkOf(name).write('error', `cannot start: ${why}`);
    process.exitCode = 1;
  }
}
