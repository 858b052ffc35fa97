import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { processTree } from './process-figures.js';

/**
 * Who runs where while releases are measured: the server's processes on the first core, load and everything else on the
 * last one, so that neither takes the other's time or caches. With one core all run there.
 */
const LAST = cpus().length - 1;
const CAN_PIN = LAST > 0;

/** A server with all processes that it has, and those that it will start. */
export function pinServer(pid: number): void {
  for (const { pid: one } of processTree(pid)) pin(one, '0');
}

/** This process and what it will start: they ask servers for other things meanwhile. */
export function pinBesideServer(pid: number = process.pid): void {
  pin(pid, String(LAST));
}

export function unpin(pid: number = process.pid): void {
  pin(pid, `0-${LAST}`);
}

/** A command that is to run beside the server, and before whatever else runs there: a late load would be a slow server. */
export function besideServer(command: readonly string[]): readonly string[] {
  return CAN_PIN ? ['taskset', '--cpu-list', String(LAST), 'nice', '--adjustment=-10', ...command] : command;
}

function pin(pid: number, list: string): void {
  if (!CAN_PIN) return;
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', list, String(pid)], { stdio: 'ignore' });
}
