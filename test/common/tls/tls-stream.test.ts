import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { CLIENT_PRIORITY, SERVER_PRIORITY } from '../../../common/protocol.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { TlsStream } from '../../../common/tls/tls-stream.js';
import { makeTlsKey } from '../../support/keys.js';

const HANDSHAKE_TIMEOUT_MS = 60_000;

interface Ends {
  readonly client: TlsStream;
  readonly server: TlsStream;
  readonly clientSocket: Socket;
  readonly serverSocket: Socket;
}

/** Two ends of a TCP connection on loopback. */
async function sockets(t?: TestContext): Promise<[Socket, Socket]> {
  const listener = createServer();
  listener.listen(0, '::1');
  await once(listener, 'listening');
  const address = listener.address();
  assert(address !== null && typeof address === 'object');
  const one = connect(address.port, '::1');
  const [other] = (await once(listener, 'connection')) as [Socket];
  listener.close();
  t?.after(() => {
    one.destroy();
    other.destroy();
  });
  return [one, other];
}

/** A TLS client and a TLS server with a raw public key, before their handshake. */
async function ends(t: TestContext, key = makeTlsKey()): Promise<Ends> {
  const [clientSocket, serverSocket] = await sockets(t);
  const stream = (socket: Socket, role: 'client' | 'server') => {
    const context =
      role === 'server' ? new TlsContext(CLIENT_PRIORITY, key) : new TlsContext(SERVER_PRIORITY);
    const made = new TlsStream(socket, { role, context, handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS });
    t.after(() => made.destroy());
    return made;
  };
  const made = { client: stream(clientSocket, 'client'), server: stream(serverSocket, 'server') };
  return { ...made, clientSocket, serverSocket };
}

async function readAll(stream: TlsStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('the client knows the key that the server has proven, by its ID', async t => {
  const key = makeTlsKey();
  const { client, server } = await ends(t, key);
  assert.equal(client.peerKeyId, undefined, 'nothing is proven before the handshake');
  await Promise.all([once(client, 'secure'), once(server, 'secure')]);
  assert.equal(client.peerKeyId, key.keyId);
  assert.equal(server.peerKeyId, undefined, 'the client has no key');
});

test('megabytes go both ways at once and end with close_notify', async t => {
  const { client, server } = await ends(t);
  const [toServer, toClient] = [randomBytes(3_000_000), randomBytes(2_000_000)];
  client.end(toServer);
  server.end(toClient);
  const [atServer, atClient] = await Promise.all([readAll(server), readAll(client)]);
  assert(atServer.equals(toServer));
  assert(atClient.equals(toClient));
});

test('what is written before the handshake is sent after it', async t => {
  const { client, server } = await ends(t);
  server.write('early');
  const [chunk] = (await once(client, 'data')) as [Buffer];
  assert.equal(chunk.toString(), 'early');
});

test('a reader that waits makes the writer wait', async t => {
  const { client, server } = await ends(t);
  await Promise.all([once(client, 'secure'), once(server, 'secure')]);
  const piece = Buffer.alloc(1024 * 1024);
  let accepted = 0;
  while (server.write(piece) || server.writableLength < 40 * piece.length) {
    accepted++;
    await new Promise(resolve => setImmediate(resolve));
    if (accepted > 60) break;
  }
  // The kernel's buffers and ours hold some megabytes; the rest stays with the writer.
  assert(server.writableLength > 20 * piece.length, `${server.writableLength} bytes wait`);
  assert(client.readableLength < 1024 * 1024);
  server.end();
  assert.equal((await readAll(client)).length, piece.length * accepted + piece.length);
});

test('a connection that is cut is an end to the reader, as old peers close without close_notify', async t => {
  const { client, server, serverSocket } = await ends(t);
  await Promise.all([once(client, 'secure'), once(server, 'secure')]);
  server.write('all there is');
  const reading = readAll(client);
  await new Promise(resolve => setImmediate(resolve));
  serverSocket.end();
  client.end();
  assert.equal((await reading).toString(), 'all there is');
});

test('a record that was tampered with is an error, and nothing of it is read', async t => {
  const [clientSocket, proxyToClient] = await sockets(t);
  const [proxyToServer, serverSocket] = await sockets(t);
  const key = makeTlsKey();
  const options = { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS };
  const client = new TlsStream(clientSocket, {
    role: 'client',
    context: new TlsContext(SERVER_PRIORITY),
    ...options,
  });
  const server = new TlsStream(serverSocket, {
    role: 'server',
    context: new TlsContext(CLIENT_PRIORITY, key),
    ...options,
  });
  server.on('error', () => {});
  let tamper = false;
  proxyToClient.pipe(proxyToServer);
  proxyToServer.on('data', (chunk: Buffer) => {
    if (tamper) chunk.writeUInt8(chunk.readUInt8(chunk.length - 1) ^ 1, chunk.length - 1);
    proxyToClient.write(chunk);
  });
  await Promise.all([once(client, 'secure'), once(server, 'secure')]);
  tamper = true;
  server.write('secret');
  const read: Buffer[] = [];
  client.on('data', (chunk: Buffer) => read.push(chunk));
  const [error] = (await once(client, 'error')) as [Error & { code: string }];
  assert.equal(error.code, 'TLS_RECORD');
  assert.deepEqual(read, []);
  server.destroy();
});

test('destroying a stream within its own events does no harm', async t => {
  for (const event of ['secure', 'data']) {
    const { client, server } = await ends(t);
    server.on('error', () => {});
    server.write('x');
    client.on('data', () => {});
    client.once(event, () => client.destroy());
    await once(client, 'close');
  }
});

test('bytes that were read with the greeting already belong to the handshake', async t => {
  const [clientSocket, serverSocket] = await sockets(t);
  const context = new TlsContext(CLIENT_PRIORITY, makeTlsKey());
  const client = new TlsStream(clientSocket, {
    role: 'client',
    context: new TlsContext(SERVER_PRIORITY),
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
  });
  const [head] = (await once(serverSocket, 'data')) as [Buffer];
  const server = new TlsStream(serverSocket, {
    role: 'server',
    context,
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    head,
  });
  server.end('after the head');
  server.resume();
  assert.equal((await readAll(client)).toString(), 'after the head');
  client.end();
  await once(server, 'close');
});

test('a handshake whose messages come in records of a few bytes each, all at once, is complete', async t => {
  const [clientSocket, serverSocket] = await sockets(t);
  const [toServer, fromClient] = await sockets(t);
  const options = { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS };
  const client = new TlsStream(clientSocket, {
    role: 'client',
    context: new TlsContext(SERVER_PRIORITY),
    ...options,
  });
  t.after(() => client.destroy());
  const [hello] = (await once(serverSocket, 'data')) as [Buffer];
  const server = new TlsStream(fromClient, {
    role: 'server',
    context: new TlsContext(CLIENT_PRIORITY, makeTlsKey()),
    ...options,
    head: inSmallRecords(hello),
  });
  t.after(() => server.destroy());
  serverSocket.pipe(toServer).pipe(serverSocket);
  await Promise.all([once(client, 'secure'), once(server, 'secure')]);
});

/** The handshake message of a record, in records of three bytes: less than the head that it begins with. */
function inSmallRecords(record: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 5; at < record.length; at += 3) {
    const part = record.subarray(at, at + 3);
    parts.push(Buffer.concat([record.subarray(0, 3), Buffer.from([0, part.length]), part]));
  }
  return Buffer.concat(parts);
}

test('what cannot be sent any more is an error to the writer', async t => {
  const { client, server, serverSocket } = await ends(t);
  client.on('error', () => {});
  await Promise.all([once(client, 'secure'), once(server, 'secure')]);
  serverSocket.end();
  await once(serverSocket, 'finish');
  server.write('too late');
  const [error] = (await once(server, 'error')) as [Error & { code: string }];
  assert.equal(error.code, 'TLS_CLOSED');
});

test('a thousand sessions leave no memory behind', async () => {
  const key = makeTlsKey();
  const contexts = [new TlsContext(SERVER_PRIORITY), new TlsContext(CLIENT_PRIORITY, key)] as const;
  const session = async () => {
    const [one, other] = await sockets();
    const client = new TlsStream(one, { role: 'client', context: contexts[0], handshakeTimeoutMs: 60_000 });
    const server = new TlsStream(other, { role: 'server', context: contexts[1], handshakeTimeoutMs: 60_000 });
    server.end('x');
    client.resume();
    client.end();
    server.resume();
    await Promise.all([once(client, 'close'), once(server, 'close')]);
  };
  for (let i = 0; i < 300; i++) await session();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 1000; i++) await session();
  const perSession = (process.memoryUsage.rss() - before) / 1000;
  // A session that is not freed takes some 40 kB of native memory.
  assert(perSession < 15_000, `${Math.round(perSession)} bytes for each session`);
});
