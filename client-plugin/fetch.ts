import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describeError, MandosError } from '../common/errors.js';
import { GREETING, SECRET_LIMIT_BYTES } from '../common/protocol.js';
import type { TlsContext } from '../common/tls/tls-context.js';
import { connectionClosed } from '../common/tls/tls-error.js';
import { TlsStream } from '../common/tls/tls-stream.js';
import type { TryProgress } from './obtain.js';

/** Milliseconds to connect: a server on the same network answers at once; TCP's own minutes would waste retries. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Milliseconds for the TLS handshake, on either side's slowest board. */
const HANDSHAKE_TIMEOUT_MS = 30_000;
/**
 * Milliseconds of silence before TCP asks whether the server is still there. A server that waits for an operator's
 * approval may be silent for hours, so that silence alone is no fault.
 */
const KEEP_ALIVE_MS = 10_000;

/**
 * Asks one server for this machine's secret (mandos(8), NETWORK PROTOCOL).
 * @param host numeric address, with `%interface` for a link-local one
 * @param context with this machine's TLS key pair
 * @param signal gives the try up
 * @param progress is told when there is a connection, and when the server has said something
 * @returns the OpenPGP message as the server stores it
 * @throws MandosError FETCH_CONNECT, FETCH_TLS, FETCH_REFUSED (the server closed without a secret), FETCH_TOO_LARGE;
 *   the signal's reason when aborted
 */
export async function fetchSecret(
  host: string,
  port: number,
  context: TlsContext,
  signal: AbortSignal,
  progress: Partial<TryProgress> = {},
): Promise<Uint8Array> {
  const socket = await connectTo(host, port, signal);
  progress.connected?.();
  if (progress.answered) socket.once('data', progress.answered);
  socket.write(GREETING);
  const stream = new TlsStream(socket, { role: 'server', context, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS });
  const abort = () => stream.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const secret = await readAll(stream);
    // The server waits for our close_notify and FIN; the stream closes itself behind them.
    stream.end();
    return secret;
  } catch (error) {
    stream.destroy();
    if (signal.aborted || (error instanceof MandosError && error.code.startsWith('FETCH_'))) throw error;
    throw new MandosError('FETCH_TLS', describeError(error), { cause: error });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function connectTo(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    const fail = (reason: unknown) => {
      settle();
      socket.on('error', () => {});
      socket.destroy();
      reject(
        signal.aborted
          ? signal.reason
          : new MandosError('FETCH_CONNECT', `cannot connect: ${describeError(reason)}`, { cause: reason }),
      );
    };
    const timer = setTimeout(
      () => fail(new Error(`no answer after ${CONNECT_TIMEOUT_MS / 1000} s`)),
      CONNECT_TIMEOUT_MS,
    );
    const abort = () => fail(signal.reason);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('error', fail).off('connect', connected);
    };
    const connected = () => {
      settle();
      resolve(socket);
    };
    socket.on('error', fail).on('connect', connected);
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** What the server sends until its close; unlike an iteration, it leaves the stream open for our own close. */
function readAll(stream: TlsStream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > SECRET_LIMIT_BYTES) {
        reject(new MandosError('FETCH_TOO_LARGE', `the server sent more than ${SECRET_LIMIT_BYTES} bytes`));
      }
    });
    stream.on('end', () => {
      if (bytes > 0) resolve(Buffer.concat(chunks));
      else reject(new MandosError('FETCH_REFUSED', REFUSED));
    });
    stream.on('error', reject);
    stream.on('close', () => reject(connectionClosed()));
  });
}

const REFUSED =
  'closed the connection without sending a password (it does not say why: "mandos --explain CLIENT" there does)';
