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
/** Milliseconds that the disk has for what is not stored yet. One that hangs must not keep the server from ending. */
const STORE_LIMIT_MS = 5_000;

export interface RunningServer {
  readonly listener: Pick<Listener, 'close' | 'closeConnections'>;
  readonly advertiser: Pick<Advertiser, 'stop'> | undefined;
  readonly control: Pick<Control, 'close'> | undefined;
  readonly scheduler: Pick<Scheduler, 'stop'>;
  readonly ledger: Pick<Ledger, 'flush'>;
  readonly store: { close(): Promise<void> };
  readonly log: Log;
}

/**
 * Takes no more connections, lets releases under way end, says goodbye, ends the checkers and stores what is not stored
 * yet: within a second, and STORE_LIMIT_MS more for a disk that does not answer.
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
  const problem = await withStoreLimit(storeAll(ledger, store));
  if (problem !== undefined) log.critical(problem);
  return problem === undefined;
}

/** @returns what went wrong, if anything did */
async function storeAll(
  ledger: RunningServer['ledger'],
  store: RunningServer['store'],
): Promise<string | undefined> {
  try {
    const isStored = await ledger.flush();
    await store.close();
    return isStored ? undefined : 'the state is not stored: what has changed since it last was is lost';
  } catch (error) {
    return `the state cannot be closed: ${describeError(error)}`;
  }
}

async function withStoreLimit(stored: Promise<string | undefined>): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<string>(resolve => {
    const problem = `the state is not stored: the disk has not answered for ${STORE_LIMIT_MS / 1000} s`;
    timer = setTimeout(() => resolve(problem), STORE_LIMIT_MS);
  });
  const problem = await Promise.race([stored, limit]);
  clearTimeout(timer);
  return problem;
}
