import type { Log } from '../../common/log.js';
import { describeError, MandosError } from '../../common/errors.js';
import { ServerUnavailable } from '../mirror/server-calls.js';
import type { Progress } from './progress.js';

/**
 * Clients that are worked on at once. The bus keeps 128 calls of one program open at most, and servers may keep fewer;
 * each client has one at a time.
 */
const CLIENTS_AT_ONCE = 32;

/** A server that lacks a method lacks it for all clients. */
function concernsAll(error: unknown): error is MandosError {
  return (
    error instanceof ServerUnavailable || (error instanceof MandosError && error.code === 'ORIGINAL_SERVER')
  );
}

/**
 * Does something to many clients. One that fails does not keep the others from it; a server that is gone does.
 * @param work is told whether to stop before its next step
 * @param log told of each failure
 * @returns how many failed
 * @throws MandosError for what concerns all of them
 */
export async function eachClient<T>(
  clients: readonly T[],
  work: (client: T, stopped: () => boolean) => Promise<void>,
  describeFailure: (client: T, reason: string) => string,
  log: Log,
  progress: Progress,
): Promise<number> {
  let failed = 0;
  let fatal: MandosError | undefined;
  const queue = clients.values();
  const worker = async () => {
    for (const client of queue) {
      if (fatal) return;
      try {
        await work(client, () => fatal !== undefined);
      } catch (error) {
        if (concernsAll(error)) {
          fatal ??= error;
          return;
        }
        failed++;
        progress.end();
        log.error(describeFailure(client, describeError(error)));
      }
      progress.step();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, worker));
  progress.end();
  if (fatal) throw fatal;
  return failed;
}
