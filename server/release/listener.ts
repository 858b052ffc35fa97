import { formatEndpoint } from '../../common/endpoint.js';
import { describeError, MandosError } from '../../common/errors.js';
import { EPOLLEXCLUSIVE, EPOLLIN, EventPoll } from '../../common/libc-epoll.js';
import type { AcceptedSocket, SocketAddress } from '../../common/libc-tcp.js';
import { acceptConnection, boundAddress, closeDescriptor, listenOn } from '../../common/libc-tcp.js';
import { SystemCallError } from '../../common/libc.js';
import type { Admission, AdmissionCounts } from './admission.js';
import type { ReleaseService } from './connection.js';
import { Connection } from './connection.js';
import type { RefusalLog } from './refusal-log.js';

/** Connections that may wait for accept(2): a fleet that boots at once after a power cut. */
const BACKLOG = 1024;
/** Connections accepted in one turn of the event loop: those that are there go on as well. */
const ACCEPTED_AT_ONCE = 16;
/** How soon accepting is tried again when there are no descriptors or no memory left. */
const ACCEPT_PAUSE_MS = 100;

/** A bound socket. */
export interface ListenTarget {
  readonly fd: number;
  /** Which, for people. */
  readonly name: string;
}

export interface ListenService extends ReleaseService {
  readonly admission: Admission;
  readonly refusals: RefusalLog;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Takes no new connections; those under way go on. Resolves when the last has ended. */
  close(): Promise<void>;
  /** Ends the connections that are still there. */
  closeConnections(): void;
  counts(): AdmissionCounts;
  /** The limits or the log level are others now. */
  configure(): void;
}

/**
 * Listens for clients and serves each that is admitted.
 * @param target whose descriptor is the listener's from now on
 * @throws MandosError LISTEN
 */
export function listen(target: ListenTarget, service: ListenService): Listener {
  return new Acceptor(target.fd, prepareSocket(target), service);
}

/**
 * Makes a bound socket one that listens.
 * @returns where
 * @throws MandosError LISTEN
 */
export function prepareSocket(target: ListenTarget): SocketAddress {
  try {
    const bound = boundAddress(target.fd);
    listenOn(target.fd, BACKLOG);
    return bound;
  } catch (error) {
    const isTcp = error instanceof SystemCallError && error.call !== 'getsockname';
    if (isTcp && remedyFor(error) !== undefined) throw listenFailure(target.name, error);
    throw new MandosError('LISTEN', `cannot listen: ${target.name} is not an open TCP socket`, {
      cause: error,
    });
  }
}

class Acceptor implements Listener {
  readonly address: string;
  readonly port: number;
  readonly #fd: number;
  readonly #service: ListenService;
  readonly #poll = new EventPoll();
  readonly #connections = new Set<Connection>();
  #pause: NodeJS.Timeout | undefined;
  #isFailing = false;
  #isOpen = true;
  #onEmpty: (() => void) | undefined;

  constructor(fd: number, { address, port }: SocketAddress, service: ListenService) {
    this.address = address;
    this.port = port;
    this.#fd = fd;
    this.#service = service;
    this.#resume();
  }

  close(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      clearTimeout(this.#pause);
      this.#poll.remove(this.#fd);
      closeDescriptor(this.#fd);
    }
    return new Promise(resolve => {
      this.#onEmpty = () => {
        this.#poll.close();
        this.#service.refusals.close();
        this.#onEmpty = undefined;
        resolve();
      };
      if (this.#connections.size === 0) this.#onEmpty();
    });
  }

  counts(): AdmissionCounts {
    return this.#service.admission.counts();
  }

  /** They are looked up when they are needed. */
  configure(): void {}

  closeConnections(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #resume(): void {
    this.#poll.add(this.#fd, EPOLLIN | EPOLLEXCLUSIVE, () => this.#accept());
  }

  #accept(): void {
    try {
      for (let i = 0; i < ACCEPTED_AT_ONCE; i++) {
        const socket = acceptConnection(this.#fd);
        if (!socket) return;
        if (this.#isFailing) this.#service.log.info('connections can be accepted again');
        this.#isFailing = false;
        this.#admit(socket);
      }
    } catch (error) {
      // Said once: who fills the table of descriptors must not fill the log as well.
      if (!this.#isFailing) this.#service.log.error(`cannot accept connections: ${describeError(error)}`);
      this.#isFailing = true;
      // It would be ready again at once.
      this.#poll.remove(this.#fd);
      this.#pause = setTimeout(() => this.#resume(), ACCEPT_PAUSE_MS);
    }
  }

  #admit(socket: AcceptedSocket): void {
    const { admission, refusals } = this.#service;
    const outcome = admission.admit(socket.address);
    if (outcome.kind === 'refused') {
      closeDescriptor(socket.fd);
      const line = `refused ${formatEndpoint(socket.address, socket.port)}: ${outcome.reason}`;
      refusals.stranger(outcome.code, socket.address, line);
      return;
    }
    const connection = new Connection(socket, this.#poll, this.#service, outcome.ticket, closed => {
      this.#connections.delete(closed);
      if (this.#connections.size === 0) this.#onEmpty?.();
    });
    this.#connections.add(connection);
  }
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
