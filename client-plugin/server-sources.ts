import { describeError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import { listInterfaces } from '../common/network-interfaces.js';
import { systemClock } from './clock.js';
import { describeNotReady } from './network/readiness.js';
import type { ServerSource } from './obtain.js';
import type { ClientOptions } from './options.js';
import { givenSource } from './server-address.js';

/** Where servers are known from, by the options: `--connect` alone, or Zeroconf and `--server`. */
export async function serverSources(options: ClientOptions, log: Log): Promise<ServerSource[]> {
  const following = { choice: options.interfaces, list: listInterfaces, clock: systemClock, log };
  const watch = notReadyWatch(options, log);
  if (options.connect.length > 0)
    return [watch, givenSource([...options.connect, ...options.servers], following)];
  // Loaded only when it is needed: with --connect the password comes sooner without.
  const { zeroconfSource } = await import('./discovery/zeroconf.js');
  const zeroconf = zeroconfSource({ ...following, random: Math.random });
  return [watch, zeroconf, ...(options.servers.length > 0 ? [givenSource(options.servers, following)] : [])];
}

/**
 * A source of no servers: after `--delay` it says which interfaces are still not running, the most common reason why
 * none are found.
 */
function notReadyWatch({ delayMs, interfaces: choice }: ClientOptions, log: Log): ServerSource {
  return (_report, signal) => {
    const cancel = systemClock.after(delayMs, () => {
      try {
        for (const line of describeNotReady(listInterfaces(), choice)) log.warning(line);
      } catch (error) {
        log.debug(describeError(error));
      }
    });
    signal.addEventListener('abort', cancel, { once: true });
  };
}
