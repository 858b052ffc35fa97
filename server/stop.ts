import { describeError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import type { Scheduler } from './checker/scheduler.js';
import type { Ledger } from './client/ledger.js';
import type { Control } from './control/control.js';
import type { Advertiser } from './discovery/advertiser.js';
import type { Listener } from './release/listener.js';

/** Milliseconds that connections under way have to end when the server stops. */
const STOP_GRACE_MS = 500;
/** Milliseconds for the whole stop: whoever waits for it must not be killed in the middle. */
const STOP_LIMIT_MS = 900;

export interface RunningServer {
  readonly listener: Listener;
  readonly advertiser: Advertiser | undefined;
  readonly control: Control | undefined;
  readonly scheduler: Scheduler;
  readonly ledger: Ledger;
  readonly store: { close(): Promise<void> };
  readonly log: Log;
}

/**
 * Takes no more connections, lets releases under way end, says goodbye, ends the checkers and stores what is not stored
 * yet, within a second.
 * @returns whether the state is stored
 */
export async function stopServer(server: RunningServer): Promise<boolean> {
  const { listener, advertiser, control, scheduler, ledger, store, log } = server;
  const grace = setTimeout(() => listener.closeConnections(), STOP_GRACE_MS);
  const limit = new Promise<boolean>(resolve => setTimeout(() => resolve(false), STOP_LIMIT_MS));
  const ended = Promise.all([advertiser?.stop(), control?.close(), listener.close(), scheduler.stop()]);
  // What may hang, a bus or a checker, must not keep the state from the disk.
  const isOver = await Promise.race([ended.then(() => true), limit]);
  clearTimeout(grace);
  if (!isOver) log.warning(`not everything ended within ${STOP_LIMIT_MS / 1000} s`);
  try {
    await ledger.flush();
    await store.close();
    return true;
  } catch (error) {
    log.critical(`the state cannot be closed: ${describeError(error)}`);
    return false;
  }
}
