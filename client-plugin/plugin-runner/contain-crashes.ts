import { AsyncLocalStorage } from 'node:async_hooks';
import type { EventEmitter } from 'node:events';

/** Takes an error that nobody caught, and ends what it came from. */
type OnCrash = (error: unknown) => void;

const origins = new AsyncLocalStorage<OnCrash>();

/**
 * Runs something, and takes the errors that nobody catches in anything that it has begun: the plugins beside it go on.
 * Those of other origins go to the listeners of the process, as ever.
 */
export function containCrashes<T>(onCrash: OnCrash, run: () => Promise<T>): Promise<T> {
  if (!process.hasUncaughtExceptionCaptureCallback()) {
    process.setUncaughtExceptionCaptureCallback(error => {
      const origin = origins.getStore();
      if (origin) origin(error);
      // With nobody to listen it would be lost.
      else if (!(process as EventEmitter).emit('uncaughtException', error, 'uncaughtException')) {
        process.stderr.write(`${String(error.stack ?? error)}\n`);
        process.exit(1);
      }
    });
  }
  return origins.run(onCrash, run);
}
