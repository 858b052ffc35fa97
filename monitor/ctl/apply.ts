import type { Log } from '../../common/log.js';
import type { Caller } from '../mirror/server-calls.js';
import { describeAction, performAction } from './action.js';
import type { Action } from './action.js';
import { eachClient } from './each-client.js';
import type { Progress } from './progress.js';

export interface NamedClient {
  readonly name: string;
  readonly path: string;
}

/**
 * Does the same to many clients: the actions one after the other, up to the first that fails.
 * @param secret for the action of that kind
 * @returns how many clients failed, each of which is logged
 * @throws MandosError for what concerns all of them
 */
export async function applyActions(
  bus: Caller,
  clients: readonly NamedClient[],
  actions: readonly Action[],
  secret: Uint8Array,
  log: Log,
  progress: Progress,
): Promise<number> {
  const done = new Map<string, number>();
  return await eachClient(
    clients,
    async ({ path }, stopped) => {
      for (const [i, action] of actions.entries()) {
        if (stopped()) return;
        done.set(path, i);
        await performAction(bus, path, action, secret);
      }
    },
    ({ name, path }, reason) => {
      const [what = '', ...undone] = actions.slice(done.get(path)).map(describeAction);
      const more = undone.length === 0 ? '' : `; not done either: ${undone.join(', ')}`;
      return `${name}: cannot ${what}: ${reason}${more}`;
    },
    log,
    progress,
  );
}
