/**
 * Signals a process that leads a process group of its own, and all in that; not to be called once it has ended.
 * @param leader such as a child that was started detached; without a pid it was never started
 */
export function signalGroup(leader: { readonly pid?: number | undefined }, signal: NodeJS.Signals): void {
  if (leader.pid === undefined) return;
  try {
    process.kill(-leader.pid, signal);
  } catch {
    // None of them is left.
  }
}
