import { setInterfaceUp } from '../../common/libc-interfaces.js';
import type { Log } from '../../common/log.js';
import { listInterfaces } from '../../common/network-interfaces.js';
import { systemClock } from '../clock.js';
import type { Privileges } from '../privileges.js';
import { within } from '../within.js';
import { InterfaceRaiser } from './bring-up.js';
import type { HookSettings } from './hooks.js';
import { NetworkHooks } from './hooks.js';
import type { InterfaceChoice } from './interfaces.js';
import { quietKernelLog } from './kernel-log.js';
import { useAddressesAtOnce } from './optimistic-dad.js';

/**
 * Milliseconds beyond `--delay` for which interfaces that are down are left to the hooks: a port of a bond must be down
 * when it is joined to it. A hook that hangs must not keep us from the others for longer.
 */
const HOOKS_FIRST_MS = 5_000;

/**
 * Milliseconds that a password which has come waits for the network to be as it was: a bit longer than one hook
 * that hangs. The rest goes on beside, and is done at the end of the process if need be.
 */
export const PASSWORD_WAITS_MS = 7_000;

export interface NetworkOptions {
  readonly choice: InterfaceChoice;
  readonly hooks: HookSettings;
  /** What hooks inherit. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly privileges: Privileges;
  readonly log: Log;
}

/** The network as this program has made it. */
export interface Network {
  /**
   * Makes it what it was; takes some seconds at most for each hook. Never rejects.
   * @param limitMs settles after that time at the latest, while the rest goes on
   */
  stop(limitMs?: number): Promise<void>;
}

/**
 * Runs the network hooks and brings interfaces up. Neither is waited for: what is ready can be used.
 * Should the process exit before `stop` has ended, the rest of that is done then.
 */
export function startNetwork({
  choice,
  hooks: settings,
  environment,
  privileges,
  log,
}: NetworkOptions): Network {
  const common = { privileges, clock: systemClock, log };
  const hooks = new NetworkHooks({ ...common, settings, environment });
  const raiser = new InterfaceRaiser({
    ...common,
    choice,
    list: listInterfaces,
    setUp: setInterfaceUp,
    useAddressesAtOnce,
    quietKernel: quietKernelLog,
  });
  const stopNow = () => {
    hooks.stopNow();
    raiser.end();
  };
  process.once('exit', stopNow);

  let isBegun = false;
  const begin = () => {
    if (isBegun) return;
    isBegun = true;
    raiser.begin();
  };
  const starting = hooks.start();
  const cancel = starting ? systemClock.after(settings.delayMs + HOOKS_FIRST_MS, begin) : () => {};
  if (starting) void starting.then(begin);
  else begin();

  const stop = async () => {
    cancel();
    isBegun = true;
    // Hooks first: they find what they stand on as it was when they were started.
    await hooks.stop();
    raiser.end();
    process.off('exit', stopNow);
  };
  return { stop: limitMs => (limitMs === undefined ? stop() : within(limitMs, stop())) };
}
