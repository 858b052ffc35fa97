import type { Log } from '../common/log.js';
import type { Privileges } from './privileges.js';

/** What a plugin that runs within another program's process is given by it. */
export interface PluginContext {
  /** The variables that a process of its own would have. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** Another has the password, or nobody needs one any more: tidy up and reject. */
  readonly signal: AbortSignal;
  readonly privileges: Privileges;
}

/**
 * A way to get the password that needs no process of its own: one Node.js takes 45 MB of memory and more than a second
 * of a slow machine's boot.
 * @param argv the plugin's options, without its name
 * @returns the password, the caller's to overwrite; settles only after the plugin has tidied up
 * @throws MandosError when it cannot get one; the signal's reason when aborted
 */
export type InProcessPlugin = (argv: readonly string[], context: PluginContext) => Promise<Uint8Array>;
