import { signalGroup } from '../../common/process-group.js';

/**
 * Asks a process group to end, and kills it when its leader has not ended after the grace.
 * @param ended settles when the leader has
 */
export async function endGroup(
  leader: Parameters<typeof signalGroup>[0],
  ended: Promise<unknown>,
  graceMs: number,
): Promise<void> {
  signalGroup(leader, 'SIGTERM');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>(resolve => {
    timer = setTimeout(() => resolve('late'), graceMs);
  });
  const first = await Promise.race([ended, late]);
  clearTimeout(timer);
  if (first === 'late') signalGroup(leader, 'SIGKILL');
}
