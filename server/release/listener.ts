import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { formatEndpoint } from '../../common/endpoint.js';
import { describeError, MandosError } from '../../common/errors.js';
import { SystemCallError } from '../../common/libc.js';
import type { ReleaseService } from './connection.js';
import { serveConnection } from './connection.js';

/** Connections that may wait for accept(2): a fleet that boots at once after a power cut. */
const BACKLOG = 1024;

export type ListenTarget =
  | { readonly kind: 'address'; readonly address: string; readonly port: number }
  /** A bound socket that somebody else opened. `name` says to people which. */
  | { readonly kind: 'descriptor'; readonly fd: number; readonly name: string };

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Takes no new connections; those under way go on. Resolves when the last has ended. */
  close(): Promise<void>;
  /** Ends the connections that are still there. */
  closeConnections(): void;
}

/**
 * Listens for clients and serves each.
 * @throws MandosError LISTEN
 */
export async function listen(target: ListenTarget, service: ReleaseService): Promise<Listener> {
  const connections = new Set<{ destroy(): unknown }>();
  const server = createServer({ noDelay: true }, socket => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    serveConnection(socket, service);
  });
  await bind(server, target);
  const bound = server.address();
  if (bound === null || typeof bound === 'string') {
    server.close();
    throw bindFailure(target, undefined);
  }
  // Out of file descriptors, most likely: accept(2) is tried again with the next connection.
  server.on('error', error => service.log.error(`cannot accept connections: ${describeError(error)}`));
  return {
    address: bound.address,
    port: bound.port,
    close: () => new Promise(resolve => server.close(() => resolve())),
    closeConnections: () => connections.forEach(socket => socket.destroy()),
  };
}

function bind(server: Server, target: ListenTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(bindFailure(target, error));
    server.once('error', onError);
    const listening = () => {
      server.off('error', onError);
      resolve();
    };
    if (target.kind === 'descriptor') server.listen({ fd: target.fd, backlog: BACKLOG }, listening);
    else
      server.listen(
        { host: target.address, port: target.port, ipv6Only: false, backlog: BACKLOG },
        listening,
      );
  });
}

const REMEDIES: Record<string, string> = {
  EADDRINUSE: 'another program has this port: choose another or stop that program',
  EADDRNOTAVAIL: 'no interface has this address; a link-local address also needs the interface option',
  EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE',
  EAFNOSUPPORT: 'this kernel has no IPv6: use --no-ipv6',
};

/**
 * What to tell people of a socket that cannot be opened or listened on, with a remedy where there is one.
 * @param where it should have been: an endpoint
 */
export function listenFailure(where: string, error: unknown): MandosError {
  const remedy = remedyFor(error);
  const reason = remedy ?? describeError(error);
  return new MandosError('LISTEN', `cannot listen on ${where}: ${reason}`, { cause: error });
}

function remedyFor(error: unknown): string | undefined {
  const code =
    error instanceof SystemCallError ? error.errorName : (error as NodeJS.ErrnoException | undefined)?.code;
  const remedy = REMEDIES[code ?? ''];
  return remedy === undefined ? undefined : `${remedy} (${code})`;
}

function bindFailure(target: ListenTarget, error: unknown): MandosError {
  if (target.kind === 'address') return listenFailure(formatEndpoint(target.address, target.port), error);
  // Node.js says no more than EINVAL of a descriptor that is not open or no such socket.
  if (remedyFor(error) !== undefined) return listenFailure(target.name, error);
  return new MandosError('LISTEN', `cannot listen: ${target.name} is not an open TCP socket`, {
    cause: error,
  });
}
