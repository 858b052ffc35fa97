import type { Socket } from 'node:net';
import { formatEndpoint } from '../../common/endpoint.js';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import { GREETING_LIMIT_BYTES, PROTOCOL_VERSION, greetingVersion } from '../../common/protocol.js';
import type { TlsContext } from '../../common/tls/tls-context.js';
import { TlsError, TlsStream } from '../../common/tls/tls-stream.js';
import type { Peer } from '../client/events.js';
import type { ReleaseRequest } from '../client/requests.js';

/** How long one connection may take. */
export interface ReleaseLimits {
  readonly greetingTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly closeTimeoutMs: number;
}

export const DEFAULT_LIMITS: ReleaseLimits = {
  /** The greeting is sent at once, so that this only covers bad networks. */
  greetingTimeoutMs: 10_000,
  /** RSA keys take seconds on slow boards. */
  handshakeTimeoutMs: 30_000,
  /** For the peer to take the secret and close: some of TCP's retransmissions on a bad link. */
  closeTimeoutMs: 30_000,
};

export interface ReleaseService {
  readonly context: TlsContext;
  readonly log: Log;
  readonly limits: ReleaseLimits;
  /** Whoever proved `keyId` (lower-case hexadecimal) asks for what belongs to it. */
  ask(keyId: string, peer: Peer): ReleaseRequest;
}

/**
 * Serves one connection of protocol version 1 (mandos(8), NETWORK PROTOCOL): greeting, TLS with the roles reversed,
 * verdict, secret, close. Says in one log line how it ended, and each step at debug level. Never throws; the socket is
 * closed when it is done.
 */
export function serveConnection(socket: Socket, service: ReleaseService): void {
  const from: Peer = { address: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
  const peer = formatEndpoint(from.address, from.port);
  const { log } = service;
  if (log.isEnabled('debug')) {
    log.debug(`${peer}: connected`);
    socket.once('close', () => log.debug(`${peer}: closed`));
  }
  let head: Buffer = Buffer.alloc(0);
  const refuse = (reason: string) => {
    log.warning(`refused ${peer}: ${reason}`);
    stopWaiting();
    // Errors of a socket that is being given up interest nobody, but must be heard.
    socket.on('error', () => {});
    socket.destroy();
  };
  const timer = setTimeout(
    () => refuse(`no greeting after ${service.limits.greetingTimeoutMs / 1000} s`),
    service.limits.greetingTimeoutMs,
  );
  const onData = (chunk: Buffer) => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const end = head.indexOf('\n');
    if (end > GREETING_LIMIT_BYTES || (end < 0 && head.length > GREETING_LIMIT_BYTES)) {
      refuse(`greeting longer than ${GREETING_LIMIT_BYTES} bytes; not a Mandos client`);
      return;
    }
    if (end < 0) return;
    const line = head.toString('latin1', 0, end).trim();
    if (greetingVersion(line) !== PROTOCOL_VERSION) {
      refuse(`greeting "${line}" does not ask for Mandos protocol ${PROTOCOL_VERSION}`);
      return;
    }
    stopWaiting();
    if (log.isEnabled('debug')) log.debug(`${peer}: greeting received`);
    secureAndRelease(socket, head.subarray(end + 1), from, service);
  };
  const onEnd = () => refuse('connection closed before the greeting');
  const onError = (error: Error) => refuse(`connection failed before the greeting: ${describeError(error)}`);
  const stopWaiting = () => {
    clearTimeout(timer);
    socket.off('data', onData).off('end', onEnd).off('error', onError);
  };
  socket.on('data', onData).on('end', onEnd).on('error', onError);
}

function secureAndRelease(socket: Socket, head: Buffer, from: Peer, service: ReleaseService): void {
  const { context, log, limits } = service;
  const peer = formatEndpoint(from.address, from.port);
  const stream = new TlsStream(socket, {
    role: 'client',
    context,
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    head,
  });
  let request: ReleaseRequest | undefined;
  let released: string | undefined;
  let ended = false;
  let closeTimer: NodeJS.Timeout | undefined;
  const answer = (verdict: Awaited<ReleaseRequest['verdict']>) => {
    if (stream.destroyed || ended) return;
    closeTimer = setTimeout(
      () => stream.destroy(new TlsError('TLS_TIMEOUT', 'peer does not close')),
      limits.closeTimeoutMs,
    );
    if (verdict.kind === 'refuse') {
      ended = true;
      log.warning(`refused ${peer}: ${verdict.reason}`);
      stream.end();
    } else {
      released = verdict.client.settings.name;
      stream.end(verdict.client.settings.secret);
    }
  };
  stream.once('secure', () => {
    const keyId = stream.peerKeyId ?? '';
    if (log.isEnabled('debug')) log.debug(`${peer}: handshake complete, key ID ${keyId.toUpperCase()}`);
    request = service.ask(keyId, from);
    void request.verdict.then(answer);
    // What a client sends is not read; its close is what the stream waits for.
    stream.resume();
  });
  // Who has closed does not wait for an operator any more.
  stream.once('end', () => {
    if (released !== undefined || ended || !request) return;
    ended = true;
    log.info(`${peer}: gone before its request was decided`);
    stream.destroy();
  });
  stream.once('close', () => {
    clearTimeout(closeTimer);
    request?.close();
  });
  stream.once('finish', () => {
    if (released === undefined) return;
    ended = true;
    request?.sent();
    request?.close();
    log.info(`${released}: secret sent to ${peer}`);
  });
  stream.on('error', error => {
    if (ended) {
      log.debug(`${peer}: ${describeError(error)} after the end`);
      return;
    }
    ended = true;
    if (released === undefined) log.warning(`refused ${peer}: ${describeError(error)}`);
    else log.warning(`${released}: secret could not be sent to ${peer}: ${describeError(error)}`);
  });
}
