import type { ChildProcess } from 'node:child_process';

/** Signals a child that was started detached, and all in its process group; not to be called once it has ended. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // None of them is left.
  }
}
