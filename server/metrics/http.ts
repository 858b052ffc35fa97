import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { ListenOptions, Socket } from 'node:net';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { describeError, MandosError } from '../../common/errors.js';

/** Monitoring systems have one connection each. */
const MAX_CONNECTIONS = 16;
/** Bytes of a request's head; that of Prometheus has some 300. */
const MAX_HEADER_BYTES = 8192;
/** For a request to arrive, and for a connection to be idle. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Whoever asks more often gets the same answer: scrapes take no time from releases. */
const SAME_ANSWER_MS = 100;
/** For the service's group to read it; others need not know how many clients there are. */
const SOCKET_MODE = 0o660;

export interface MetricsServer {
  /** For people: where it listens. */
  readonly where: string;
  /** @returns when nothing is open any more; never rejects */
  close(): Promise<void>;
}

/**
 * Serves a text at GET /metrics, and nothing else.
 * @param place as `metrics` in mandos.conf(5) has it: a loopback address with a port, or the path of a socket
 * @param render makes the text
 * @throws MandosError METRICS when it cannot listen there
 */
export async function serveText(
  place: string,
  contentType: string,
  render: () => Promise<string>,
): Promise<MetricsServer> {
  let renderedMs = -Infinity;
  let rendered = Promise.resolve(Buffer.alloc(0));
  const text = () => {
    const nowMs = performance.now();
    if (nowMs - renderedMs < SAME_ANSWER_MS) return rendered;
    renderedMs = nowMs;
    // One for all who get it, however many wait to read it.
    return (rendered = render().then(made => Buffer.from(made)));
  };
  const answering = new WeakSet<Socket>();
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: REQUEST_TIMEOUT_MS / 5,
    },
    (request, response) => {
      // Pipelined requests would have their answers wait here for somebody who need not ever read them.
      if (answering.has(request.socket)) return void request.socket.destroy();
      answering.add(request.socket);
      response.once('finish', () => answering.delete(request.socket));
      void answer(request, response, contentType, text);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(2 * REQUEST_TIMEOUT_MS);
  const where = await listen(server, place);
  return {
    where,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  contentType: string,
  text: () => Promise<Buffer>,
): Promise<void> {
  // Whatever body comes is not read: the connection ends with the answer.
  const refuse = (status: number, headers: Record<string, string> = {}) =>
    void response.writeHead(status, { ...headers, Connection: 'close' }).end();
  if (request.url?.split('?', 1)[0] !== '/metrics') return refuse(404);
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, { Allow: 'GET, HEAD' });
  try {
    const body = await text();
    response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  } catch {
    refuse(500);
  }
}

async function listen(server: Server, place: string): Promise<string> {
  try {
    if (!place.startsWith('/')) {
      await listening(server, addressOf(place));
      const at = server.address();
      return typeof at === 'object' && at ? place.replace(/\d+$/, String(at.port)) : place;
    }
    // Node.js calls a missing directory a lack of permission (libuv, uv_pipe_bind()).
    if (!lstatSync(dirname(place), { throwIfNoEntry: false })) {
      throw cannotServe(place, `no such directory: ${dirname(place)}`);
    }
    await removeStale(place);
    await listening(server, { path: place });
    chmodSync(place, SOCKET_MODE);
    return place;
  } catch (error) {
    server.close();
    if (error instanceof MandosError) throw error;
    throw cannotServe(place, describeError(error), error);
  }
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      // A connection that cannot be accepted is no reason to end.
      server.on('error', () => {});
      resolve();
    });
  });
}

function addressOf(place: string): { host: string; port: number } {
  const at = place.lastIndexOf(':');
  return { host: place.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(place.slice(at + 1)) };
}

/** Makes way for a socket where a server that was killed has left its own. */
async function removeStale(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) return;
  if (!there.isSocket()) throw cannotServe(path, 'there is something else than a socket');
  if (await isServed(path)) throw cannotServe(path, 'another program listens there');
  unlinkSync(path);
}

/** Whether somebody listens; a socket that one may not even try is taken for one. */
function isServed(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}

function cannotServe(place: string, why: string, cause?: unknown): MandosError {
  return new MandosError('METRICS', `${place}: metrics cannot be served there: ${why}`, { cause });
}
