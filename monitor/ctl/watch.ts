import type { MirrorEvent } from '../mirror/mirror.js';
import { watchServer } from '../mirror/watch-server.js';
import type { Output } from './output.js';
import { eventJson, formatEvent, isShown } from './watch-line.js';

/**
 * Shows events as they happen, until interrupted or until nobody reads any more.
 * @param names of the clients whose events are shown, with those of the server; none: all
 */
export async function watch(
  names: readonly string[],
  asJson: boolean,
  output: Output,
  interrupted: AbortSignal,
): Promise<void> {
  const wanted = new Set(names);
  const server = watchServer();
  const format = asJson ? eventJson : formatEvent;
  const isWanted = (event: MirrorEvent) =>
    isShown(event) && (wanted.size === 0 || !('name' in event) || wanted.has(event.name));
  server.onEvent(event => {
    if (isWanted(event)) output.write(`${format(event)}\n`);
  });
  let saidNoServer = false;
  server.onChange(({ state: { status } }) => {
    if (status.kind === 'refused') output.complain(status.problem);
    if (status.kind === 'no-server' && !saidNoServer) {
      output.complain('the Mandos server is not running; waiting for it');
      saidNoServer = true;
    }
  });
  await new Promise<void>(resolve => {
    for (const end of [interrupted, output.closed]) {
      if (end.aborted) resolve();
      end.addEventListener('abort', () => resolve());
    }
  });
  server.close();
}
