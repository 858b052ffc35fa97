import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Loaded into the server with `node --import`: says each half second on standard error how late its event loop has been
 * at most since the last time.
 */
const EVERY_MS = 500;
const NS_PER_MS = 1e6;
const delays = monitorEventLoopDelay({ resolution: 5 });
delays.enable();

const tell = () => {
  process.stderr.write(`event loop late: ${(delays.max / NS_PER_MS).toFixed(1)} ms\n`);
  delays.reset();
};
setInterval(tell, EVERY_MS).unref();
