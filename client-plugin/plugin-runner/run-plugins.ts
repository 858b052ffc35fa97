import { describeError, MandosError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { Privileges } from '../privileges.js';
import { within } from '../within.js';
import { findPlugins } from './find-plugins.js';
import type { Plugin } from './find-plugins.js';
import { isOwnPlugin, runOwnPlugin } from './own-plugins.js';
import { runProcess } from './process-plugin.js';
import { environmentFor, optionsFor } from './settings.js';
import type { RunnerOptions } from './settings.js';

export { readRunnerOptions } from './read-options.js';
export type { RunnerOptions } from './settings.js';

export interface RunnerContext {
  readonly log: Log;
  /** Nobody needs a password any more: all plugins are ended. */
  readonly signal: AbortSignal;
  /** Of a process that may become the options' user and group. */
  readonly privileges: Privileges;
  /** What plugins inherit. Default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Links to it are plugins within this process. Default: this program as it was called. */
  readonly ownProgram?: string;
  /** What a plugin that ends with status 0 and prints nothing has done. Default: it has won, with an empty password. */
  readonly emptyOutput?: 'wins' | 'fails';
}

/**
 * How long plugins that have lost are waited for: the boot waits for the password. A network hook that hangs when it is
 * stopped takes nearly as long; what is not done then goes on, and the end of the process does the rest.
 */
const LOSERS_LIMIT_MS = 7_000;

/** Failures that a plugin has told of itself, or that are no failures of it. */
const QUIET_CODES = new Set(['PLUGIN_STATUS', 'PLYMOUTH_RUNS', 'PLYMOUTH_MISSING']);

/**
 * Runs all plugins at once until the first has the password, and ends the others (plugin-runner(8mandos), PLUGINS).
 * @returns what that one has printed, the caller's to overwrite; settles when all plugins have ended, or some
 * seconds after the password has come: plugins that have lost may still tidy up then
 * @throws MandosError PLUGIN_DIRECTORY; NO_PASSWORD when none has succeeded; the signal's reason when it is aborted
 */
export async function runPlugins(options: RunnerOptions, context: RunnerContext): Promise<Uint8Array> {
  const { log, signal } = context;
  const done = new AbortController();
  const both = { ...context, signal: AbortSignal.any([signal, done.signal]) };
  const running = startable(options, context).map(async plugin => {
    try {
      return refuseEmpty(await runPlugin(plugin, options, both), context);
    } catch (error) {
      if (!both.signal.aborted) logFailure(log, plugin.name, error);
      throw error;
    }
  });
  // An empty list and one of failures both reject.
  const password = await Promise.any(running).catch(() => undefined);
  done.abort(new Error('another plugin has the password'));
  const ended = Promise.all(
    running.map(async each => {
      const output = await each.catch(() => undefined);
      if (output !== password) output?.fill(0);
    }),
  );
  if (password !== undefined && !signal.aborted) await within(LOSERS_LIMIT_MS, ended);
  if (!signal.aborted && password !== undefined) return password;
  // A process that is ended by a signal does nothing at its end: all tidy up before.
  await ended;
  password?.fill(0);
  signal.throwIfAborted();
  throw new MandosError('NO_PASSWORD', `no plugin in ${options.pluginDirectory} got a password`);
}

function refuseEmpty(output: Uint8Array, { emptyOutput = 'wins' }: RunnerContext): Uint8Array {
  if (output.length > 0 || emptyOutput === 'wins') return output;
  throw new MandosError('PLUGIN_OUTPUT', 'ended without a fault, but printed no password');
}

function startable(options: RunnerOptions, { log, ownProgram = process.argv[1] }: RunnerContext): Plugin[] {
  const ignored = (message: string) => log.debug(message);
  return findPlugins(options.pluginDirectory, ownProgram, ignored).filter(({ name }) => {
    const isEnabled = options.plugins.get(name)?.isEnabled ?? true;
    if (!isEnabled) log.debug(`${name}: disabled`);
    return isEnabled;
  });
}

function runPlugin(plugin: Plugin, options: RunnerOptions, context: RunnerContext): Promise<Uint8Array> {
  const { name, file, isOwn } = plugin;
  const { log, signal, privileges } = context;
  const args = optionsFor(options, name);
  const environment = environmentFor(options, name, context.environment ?? process.env);
  if (isOwn && isOwnPlugin(name)) {
    log.debug(`${name}: started within this process`);
    return runOwnPlugin(name, args, { environment, log, signal, privileges });
  }
  const { userId, groupId } = options;
  const started = (pid: number) => log.debug(`${name}: started as process ${pid}`);
  return runProcess({ file, args, environment, userId, groupId }, { privileges, signal, started });
}

function logFailure(log: Log, name: string, error: unknown): void {
  const text = `${name}: ${describeError(error)}`;
  if (error instanceof MandosError && QUIET_CODES.has(error.code)) log.debug(text);
  else log.error(text);
}
