import { describeError, MandosError } from '../../common/errors.js';
import type { InProcessPlugin, PluginContext } from '../plugin.js';
import { containCrashes } from './contain-crashes.js';

/** Plugins that run within this process, each loaded when it is started. */
const OWN_PLUGINS: Readonly<Record<string, () => Promise<InProcessPlugin>>> = {
  'mandos-client': async () => (await import('../run-client.js')).mandosClientPlugin,
  'password-prompt': async () => (await import('../prompts/run-password-prompt.js')).passwordPromptPlugin,
  'askpass-fifo': async () => (await import('../prompts/run-askpass-fifo.js')).askpassFifoPlugin,
  plymouth: async () => (await import('../prompts/run-plymouth.js')).plymouthPlugin,
};

/** How long a plugin within this process may take to tidy up: longer than network hooks take in all but strange cases. */
const TIDY_LIMIT_MS = 60_000;

/** Whether a link to this program, of that name, is a plugin that runs within it. */
export function isOwnPlugin(name: string): boolean {
  return Object.hasOwn(OWN_PLUGINS, name);
}

/**
 * Runs a plugin within this process.
 * @throws MandosError what the plugin throws, or PLUGIN_CRASH; the signal's reason when that has ended it; rejects
 * when the plugin has tidied up, or does not come to an end in time
 */
export async function runOwnPlugin(
  name: string,
  args: readonly string[],
  context: PluginContext,
): Promise<Uint8Array> {
  const crash = new AbortController();
  const signal = AbortSignal.any([context.signal, crash.signal]);
  const onCrash = (error: unknown) => {
    const text = `internal error, please report it: ${describeError(error)}`;
    context.log.debug(error instanceof Error ? (error.stack ?? '') : '');
    crash.abort(new MandosError('PLUGIN_CRASH', text, { cause: error }));
  };
  const running = containCrashes(onCrash, async () => {
    const plugin = await OWN_PLUGINS[name]?.();
    if (!plugin) throw new MandosError('PLUGIN_START', `is no plugin of this program`);
    return plugin(args, { ...context, signal });
  });
  try {
    return await Promise.race([running, lateAfter(signal, TIDY_LIMIT_MS)]);
  } catch (error) {
    if (crash.signal.aborted) throw crash.signal.reason;
    throw error;
  }
}

/** Rejects when that time is over since the signal. */
function lateAfter(signal: AbortSignal, limitMs: number): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => setTimeout(() => reject(signal.reason as Error), limitMs).unref();
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
