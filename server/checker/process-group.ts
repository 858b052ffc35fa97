import type { ChildProcess } from 'node:child_process';
import { signalGroup } from '../../common/process-group.js';

/**
 * Asks a child's process group to end, and kills it when the child has not after the grace.
 * @param ended settles when the child has
 */
export async function endGroup(child: ChildProcess, ended: Promise<unknown>, graceMs: number): Promise<void> {
  signalGroup(child, 'SIGTERM');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>(resolve => {
    timer = setTimeout(() => resolve('late'), graceMs);
  });
  const first = await Promise.race([ended, late]);
  clearTimeout(timer);
  if (first === 'late') signalGroup(child, 'SIGKILL');
}
