import { formatEndpoint } from '../common/endpoint.js';
import type { Log } from '../common/log.js';
import type { ClientEvent, Origin } from './client/events.js';
import { CLIENT_KEYS } from './client/setting-keys.js';

/** Says in the log what is decided of the clients, and who has got a secret. What else becomes of a connection, it says. */
export function logEvents(log: Log): (event: ClientEvent) => void {
  return event => {
    const name = event.client?.settings.name ?? '';
    switch (event.kind) {
      case 'enabled':
        return log.info(`${name}: enabled ${describeOrigin(event.by)}`);
      case 'disabled':
        return log.warning(`${name}: disabled: ${event.reason}`);
      case 'expiring-soon':
        return log.warning(`${name}: expires in ${Math.round(event.leftMs / 1000)} s: ${event.reason}`);
      case 'added':
        return log.info(`${name}: added ${describeOrigin(event.by)}`);
      case 'removed':
        return log.warning(`${name}: removed ${describeOrigin(event.by)}`);
      case 'approved':
        return log.info(`${name}: ${event.granted ? 'approved' : 'denied'} ${describeOrigin(event.by)}`);
      case 'approval-needed': {
        const fallback = event.client.settings.approvedByDefault ? 'approved' : 'denied';
        return log.warning(
          `${name}: waits for approval; ${fallback} in ${event.delayMs / 1000} s by default`,
        );
      }
      case 'impostor': {
        const from = formatEndpoint(event.peer.address, event.peer.port);
        const isDenied = event.client.settings.releaseCheck === 'deny';
        return log.warning(
          `${name}: ${from} asks with its key, but its checker finds it up: its keys were copied, or mandos-client was started on it by hand, or the checker takes a machine that boots for one that is up${isDenied ? '; not released' : ''}`,
        );
      }
      case 'checker-started':
        return log.debug(`${name}: checker started: ${event.command}`);
      case 'settings-changed': {
        // What the configuration changes, the reload says in a line for all.
        if (event.by.kind !== 'operator') return undefined;
        const settings = event.settings.map(key => CLIENT_KEYS[key]).join(', ');
        return log.info(`${name}: ${settings} set ${describeOrigin(event.by)}`);
      }
      case 'released':
        return log.info(`${name}: secret sent to ${formatEndpoint(event.peer.address, event.peer.port)}`);
      case 'changed':
      case 'checker-completed':
      case 'release-interrupted':
      case 'refused':
        return undefined;
    }
  };
}

/** Who has decided, as the end of a sentence. */
export function describeOrigin(by: Origin): string {
  switch (by.kind) {
    case 'configuration':
      return 'by the configuration';
    case 'checks':
      return 'by its checks';
    case 'operator':
      return by.uid === undefined ? 'by an operator' : `by user ID ${by.uid}`;
  }
}
