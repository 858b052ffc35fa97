import { formatEndpoint } from '../common/endpoint.js';
import { describeError } from '../common/errors.js';
import { closeOnExec } from '../common/libc-process.js';
import type { Log } from '../common/log.js';
import { listInterfaces } from '../common/network-interfaces.js';
import { after } from '../common/timer.js';
import type { TlsContext } from '../common/tls/tls-context.js';
import type { ServerLimits } from './config/limits.js';
import { openBoundSocket } from './host/bound-socket.js';
import type { ServerOptions } from './options.js';
import { Admission } from './release/admission.js';
import type { ReleaseService } from './release/connection.js';
import type { Listener, ListenTarget } from './release/listener.js';
import { listen, listenFailure } from './release/listener.js';
import { RefusalLog } from './release/refusal-log.js';
import { WorkersListener } from './release/workers/workers.js';

type ListenOptions = Pick<
  ServerOptions,
  'socket' | 'address' | 'port' | 'interface' | 'useIpv6' | 'zeroconf' | 'priority' | 'workers'
>;

export interface ReleaseServices {
  /** Made early: it says what is wrong with GnuTLS or the priority string. Workers have contexts of their own. */
  readonly context: TlsContext;
  readonly log: Log;
  /** As they are now. */
  readonly limits: () => ServerLimits;
  readonly ask: ReleaseService['ask'];
  /** Milliseconds of any origin, never going back. */
  readonly nowMs: () => number;
}

/** Where to listen. */
export interface ListenPlace {
  readonly target: ListenTarget;
  /** The interface that the socket is bound to. */
  readonly only?: string;
}

/**
 * Listens at a place, in this process or with workers, and says where that is.
 * @throws MandosError LISTEN
 */
export async function openListener(
  options: ListenOptions,
  { target, only }: ListenPlace,
  services: ReleaseServices,
): Promise<Listener> {
  const { log } = services;
  const listener =
    options.workers > 1 ? await startWorkers(options, target, services) : serveHere(target, services);
  const endpoint = formatEndpoint(listener.address, listener.port);
  // Nobody else tells a port that the system has chosen: it must be seen at the default level.
  const unheard = !options.zeroconf && options.socket === undefined && (options.port ?? 0) === 0;
  log[unheard ? 'warning' : 'info'](
    `listening on ${only === undefined ? endpoint : `${only} only: ${endpoint}`}`,
  );
  return listener;
}

function serveHere(target: ListenTarget, { context, log, limits, ask, nowMs }: ReleaseServices): Listener {
  return listen(target, {
    context,
    log,
    refusals: new RefusalLog(log, { nowMs, after }),
    admission: new Admission(limits, nowMs),
    limits,
    ask,
  });
}

async function startWorkers(
  { workers, priority }: ListenOptions,
  target: ListenTarget,
  { log, limits, ask }: ReleaseServices,
): Promise<Listener> {
  const listener = new WorkersListener(workers, target, { priority, log, limits, ask });
  await listener.listening();
  return listener;
}

/** A descriptor that was inherited would be inherited again. One that is not open is reported where it is used. */
function keepFromCheckers(fd: number): void {
  try {
    closeOnExec(fd);
  } catch {
    // Told by listen.
  }
}

/**
 * Opens the socket to listen on (mandos(8)). That may need root: for one that is bound to an interface, where such a
 * socket can be had, or to a port below 1024.
 * @throws MandosError LISTEN
 */
export function openListenPlace(options: ListenOptions, log: Log): ListenPlace {
  const { socket, interface: name, port = 0 } = options;
  if (socket !== undefined) {
    keepFromCheckers(socket);
    return { target: { fd: socket, name: `descriptor ${socket}` } };
  }
  const address = options.address ?? (options.useIpv6 ? '::' : '0.0.0.0');
  const where = formatEndpoint(address, port) + (name === undefined ? '' : ` on ${name}`);
  const index =
    name === undefined ? 0 : (listInterfaces().find(candidate => candidate.name === name)?.index ?? 0);
  try {
    const { fd, deviceFault } = openBoundSocket(address, port, name, index);
    const target = { fd, name: where };
    if (name === undefined) return { target };
    if (deviceFault === undefined) return { target, only: name };
    const reason =
      index === 0 ? 'there is no such interface ("ip link" lists them)' : describeError(deviceFault);
    log.error(`cannot listen on interface ${name} only, so on all: ${reason}`);
    return { target };
  } catch (error) {
    throw listenFailure(where, error);
  }
}
