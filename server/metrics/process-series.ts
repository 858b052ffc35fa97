import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { SeriesBuilder } from './builder.js';

/** How often the event loop is asked how late it is; each time costs some microseconds. */
const LOOP_RESOLUTION_MS = 20;

/** What the process takes of the machine, under the names that all programs use, and how late its event loop is. */
export function addProcessSeries(builder: SeriesBuilder): void {
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  // What is measured is the time between two looks.
  const lateSeconds = (ns: number) => Math.max(0, ns / 1e9 - LOOP_RESOLUTION_MS / 1e3);
  builder.gauges(
    'mandos_event_loop_delay_seconds',
    'How late the event loop was since the last scrape',
    'stat',
    () => {
      const isEmpty = loop.count === 0;
      const delays = {
        mean: isEmpty ? 0 : lateSeconds(loop.mean),
        p99: isEmpty ? 0 : lateSeconds(loop.percentile(99)),
        max: isEmpty ? 0 : lateSeconds(loop.max),
      };
      loop.reset();
      return delays;
    },
  );
  builder.total('process_cpu_seconds_total', 'Processor time, of the user and the system', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  builder.gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss());
  builder.gauge(
    'process_start_time_seconds',
    'When the process was started, since the Unix epoch',
    () => performance.timeOrigin / 1000,
  );
  builder.gauge('process_open_fds', 'Open file descriptors', async () => {
    const fds = await readdir('/proc/self/fd').catch(() => undefined);
    // Without the one that reads the directory.
    return fds && fds.length - 1;
  });
  builder.gauge(
    'nodejs_heap_size_used_bytes',
    'Memory that JavaScript uses',
    () => process.memoryUsage().heapUsed,
  );
}
