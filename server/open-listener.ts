import { formatEndpoint } from '../common/endpoint.js';
import { describeError } from '../common/errors.js';
import { listInterfaces } from '../common/network-interfaces.js';
import { openBoundSocket } from './host/bound-socket.js';
import type { ServerOptions } from './options.js';
import type { ReleaseService } from './release/connection.js';
import type { Listener, ListenTarget } from './release/listener.js';
import { listen, listenFailure } from './release/listener.js';

type ListenOptions = Pick<
  ServerOptions,
  'socket' | 'address' | 'port' | 'interface' | 'useIpv6' | 'zeroconf'
>;

/**
 * Listens where the options say (mandos(8)), and says where that is.
 * @throws MandosError LISTEN
 */
export async function openListener(options: ListenOptions, service: ReleaseService): Promise<Listener> {
  const { target, only } = listenTarget(options, service);
  const listener = await listen(target, service);
  const endpoint = formatEndpoint(listener.address, listener.port);
  // Nobody else tells a port that the system has chosen: it must be seen at the default level.
  const unheard = !options.zeroconf && options.socket === undefined && (options.port ?? 0) === 0;
  service.log[unheard ? 'warning' : 'info'](
    `listening on ${only === undefined ? endpoint : `${only} only: ${endpoint}`}`,
  );
  return listener;
}

/** With an interface it is a socket that is bound to that, the `only` one, where such a socket can be had. */
function listenTarget(
  options: ListenOptions,
  { log }: Pick<ReleaseService, 'log'>,
): { readonly target: ListenTarget; readonly only?: string } {
  const { socket, interface: name, port = 0 } = options;
  if (socket !== undefined) {
    return { target: { kind: 'descriptor', fd: socket, name: `descriptor ${socket}` } };
  }
  const address = options.address ?? (options.useIpv6 ? '::' : '0.0.0.0');
  if (name === undefined) return { target: { kind: 'address', address, port } };
  const where = `${formatEndpoint(address, port)} on ${name}`;
  const index = listInterfaces().find(candidate => candidate.name === name)?.index ?? 0;
  try {
    const { fd, deviceFault } = openBoundSocket(address, port, name, index);
    const target = { kind: 'descriptor', fd, name: where } as const;
    if (deviceFault === undefined) return { target, only: name };
    log.error(`cannot listen on interface ${name} only, so on all: ${describeError(deviceFault)}`);
    return { target };
  } catch (error) {
    throw listenFailure(where, error);
  }
}
