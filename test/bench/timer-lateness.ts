import { writeFileSync } from 'node:fs';
import { createHistogram, performance } from 'node:perf_hooks';

/**
 * Loaded into the server with `node --import`: measures how late each of its timers is, the scheduler's among them, and
 * writes that to the file LATENESS_FILE when the server ends.
 */
const file = process.env['LATENESS_FILE'] ?? '';
delete process.env['LATENESS_FILE'];
const latenesses = createHistogram();
const setTimer = globalThis.setTimeout;

const measured = (run: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => {
  const dueMs = performance.now() + Math.max(1, delayMs);
  const onTime = () => {
    // A histogram counts from 1.
    latenesses.record(Math.max(1, Math.round(performance.now() - dueMs)));
    run(...args);
  };
  return setTimer(onTime, delayMs);
};
globalThis.setTimeout = Object.assign(measured, setTimer);

process.on('exit', () => {
  const figures = {
    timers: latenesses.count,
    p99Ms: latenesses.percentile(99),
    maxMs: latenesses.max,
  };
  writeFileSync(file, JSON.stringify(figures));
});
