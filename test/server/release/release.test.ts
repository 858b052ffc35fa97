import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { fetchSecret } from '../../../client-plugin/fetch.js';
import { MandosError } from '../../../common/errors.js';
import { CLIENT_PRIORITY, SERVER_PRIORITY } from '../../../common/protocol.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { TlsStream } from '../../../common/tls/tls-stream.js';
import type { TlsKey, TlsKeyType } from '../../support/keys.js';
import { makeTlsKey } from '../../support/keys.js';
import { makeClient, startReleaseServer } from '../../support/release-server.js';
import { requires } from '../../support/requires.js';

const never = new AbortController().signal;

function fetch(port: number, key: TlsKey, signal = never): Promise<Uint8Array> {
  return fetchSecret('::1', port, new TlsContext(CLIENT_PRIORITY, key), signal);
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '::1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Everything the server sends until it closes. */
async function readToEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks);
}

for (const type of ['ed25519', 'ed448', 'ecdsa', 'rsa'] satisfies TlsKeyType[]) {
  test(`the machine that proves its ${type} key gets its secret, to the byte`, async t => {
    const key = makeTlsKey(type);
    const secret = randomBytes(3000);
    const server = startReleaseServer(t, [makeClient('web1', key.keyId, secret)]);
    assert.deepEqual(Buffer.from(await fetch(server.port, key)), secret);
    await server.waitForLine(/^info: web1: secret sent to \[::1\]:\d+$/);
  });
}

test('a secret of many TLS records arrives whole', async t => {
  const key = makeTlsKey();
  const secret = randomBytes(60_000);
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, secret)]);
  assert.deepEqual(Buffer.from(await fetch(server.port, key)), secret);
});

test('a secret over the limit is given up by the client', async t => {
  const key = makeTlsKey();
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, randomBytes(100_000))]);
  await assert.rejects(fetch(server.port, key), { code: 'FETCH_TOO_LARGE' });
});

test("a stranger's key gets nothing, and the log names it", async t => {
  const [key, stranger] = [makeTlsKey(), makeTlsKey()];
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, randomBytes(100))]);
  await assert.rejects(fetch(server.port, stranger), { code: 'FETCH_REFUSED' });
  const line = await server.waitForLine(/refused/);
  assert.match(line, new RegExp(`refused \\[::1\\]:\\d+: unknown key ID ${stranger.keyId.toUpperCase()}`));
});

test('a disabled client gets nothing', async t => {
  const key = makeTlsKey();
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, randomBytes(100), false)]);
  await assert.rejects(fetch(server.port, key), { code: 'FETCH_REFUSED' });
  assert.match(await server.waitForLine(/refused/), /client web1 is disabled/);
});

test('the public key of a client without its private key is not enough', async t => {
  const [key, stranger] = [makeTlsKey(), makeTlsKey()];
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, randomBytes(100))]);
  const stolen = { publicKey: key.publicKey, privateKey: stranger.privateKey, keyId: key.keyId };
  await assert.rejects(fetch(server.port, stolen), (error: unknown) => {
    assert(error instanceof MandosError);
    assert.match(error.code, /^(TLS_KEY|FETCH_TLS)$/);
    return true;
  });
});

const GREETINGS: [string, string, RegExp][] = [
  ['another protocol version', '2\r\n', /greeting "2" does not ask for Mandos protocol 1/],
  ['a web browser', 'GET / HTTP/1.1\r\n', /greeting "GET \/ HTTP\/1\.1" does not ask/],
  ['an empty line', '\r\n', /greeting "" does not ask/],
  ['control characters', '\x1b[2J\r\n', /greeting "\\x1b\[2J" does not ask/],
  ['a line without end', 'x'.repeat(100), /greeting longer than 64 bytes/],
  ['a long line', `${'1'.padEnd(80)}\r\n`, /greeting longer than 64 bytes/],
];
for (const [name, greeting, reason] of GREETINGS) {
  test(`a greeting of ${name} is refused, with nothing sent`, async t => {
    const server = startReleaseServer(t, []);
    const socket = await open(server.port);
    socket.write(greeting);
    assert.equal((await readToEnd(socket)).length, 0);
    assert.match(await server.waitForLine(/refused/), reason);
  });
}

test('a greeting may have further fields and come in pieces', async t => {
  const key = makeTlsKey();
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, randomBytes(100))]);
  const socket = await open(server.port);
  for (const piece of ['1', ' fut', 'ure\r', '\n']) {
    socket.write(piece);
    await new Promise(resolve => setImmediate(resolve));
  }
  const [first] = (await once(socket, 'data')) as [Buffer];
  assert.equal(first[0], 22, 'a TLS handshake record answers');
  socket.destroy();
});

test('a peer that closes before its greeting is whole is refused', async t => {
  const server = startReleaseServer(t, []);
  (await open(server.port)).end('1');
  assert.match(await server.waitForLine(/refused/), /connection closed before the greeting/);
});

test('a peer that only looks whether the port is open has not failed', async t => {
  const key = makeTlsKey();
  const secret = randomBytes(100);
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, secret)], { maxFailedHandshakes: 1 });
  for (let i = 0; i < 3; i++) {
    const socket = await open(server.port);
    const { localPort } = socket;
    socket.end();
    await server.waitForLine(new RegExp(`^debug: \\[::1\\]:${localPort}: closed$|^warning: refused`));
  }
  assert.deepEqual(Buffer.from(await fetch(server.port, key)), secret);
  assert.ok(!server.lines.some(line => line.includes('refused')), server.lines.join('\n'));
});

test('a peer that never greets is refused after the time-out', async t => {
  const server = startReleaseServer(t, [], { greetingTimeoutMs: 50 });
  assert.equal((await readToEnd(await open(server.port))).length, 0);
  assert.match(await server.waitForLine(/refused/), /no greeting after 0\.05 s/);
});

test('a peer that stops within the handshake is refused after the time-out', async t => {
  const server = startReleaseServer(t, [], { handshakeTimeoutMs: 100 });
  const socket = await open(server.port);
  socket.write('1\r\n\x16\x03\x03\x00');
  await readToEnd(socket);
  assert.match(await server.waitForLine(/refused/), /TLS handshake not complete after 0\.1 s/);
});

/** A client that has proven its key and then neither reads nor closes. */
async function stall(t: TestContext, port: number, key: TlsKey): Promise<void> {
  const socket = connect({ port, host: '::1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.write('1\r\n');
  const context = new TlsContext(CLIENT_PRIORITY, key);
  const stream = new TlsStream(socket, { role: 'server', context, handshakeTimeoutMs: 60_000 });
  stream.on('error', () => {});
  await once(stream, 'secure');
}

/** What never comes is not waited for longer. */
const PATIENCE = { timeout: 60_000 };

test('a peer that stalls after its secret is closed after the time-out', PATIENCE, async t => {
  const key = makeTlsKey();
  const clients = [makeClient('web1', key.keyId, randomBytes(100))];
  const server = startReleaseServer(t, clients, { closeTimeoutMs: 50 });
  await stall(t, server.port, key);
  await server.waitForLine(/^debug: \[::1\]:\d+: peer does not close after the end$/);
  await server.waitForLine(/: closed$/);
  assert.deepEqual(server.released, ['web1']);
  const [sent, ...others] = server.lines.filter(line => !line.startsWith('debug: '));
  assert.match(sent ?? '', /^info: web1: secret sent to /);
  assert.deepEqual(others, []);
});

test(
  'a peer that stalls after a refusal is refused once and closed after the time-out',
  PATIENCE,
  async t => {
    const server = startReleaseServer(t, [], { closeTimeoutMs: 50 });
    await stall(t, server.port, makeTlsKey());
    await server.waitForLine(/^debug: \[::1\]:\d+: peer does not close after the end$/);
    await server.waitForLine(/: closed$/);
    const [refused, ...others] = server.lines.filter(line => !line.startsWith('debug: '));
    assert.match(refused ?? '', /^warning: refused \[::1\]:\d+: unknown key ID /);
    assert.deepEqual(others, []);
  },
);

test('at debug level each step of a connection is told, and nothing secret', async t => {
  const key = makeTlsKey();
  const secret = Buffer.from('a secret that is in no log');
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, secret)]);
  await fetch(server.port, key);
  await server.waitForLine(/: closed$/);
  assert.deepEqual(
    server.lines.map(line => line.replace(/\[::1\]:\d+/, 'PEER')),
    [
      'debug: PEER: connected',
      'debug: PEER: greeting received',
      `debug: PEER: handshake complete, key ID ${key.keyId.toUpperCase()}`,
      'info: web1: secret sent to PEER',
      'debug: PEER: closed',
    ],
  );
});

test('garbage in place of TLS is answered with an alert and refused', async t => {
  const server = startReleaseServer(t, []);
  const socket = await open(server.port);
  socket.write(`1\r\n${'garbage, not TLS at all\n'.repeat(10)}`);
  const sent = await readToEnd(socket);
  assert.match(await server.waitForLine(/refused/), /TLS handshake failed: /);
  const fatalAlert = Buffer.from([21, 3, 3, 0, 2, 2]);
  assert(sent.includes(fatalAlert), 'a fatal alert in the clear (RFC 8446 section 6)');
});

function x509(t: { after(fn: () => void): void }): { cert: Buffer; key: Buffer } {
  const directory = mkdtempSync(join(tmpdir(), 'mandos-ts-x509-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const request = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-subj', '/CN=impostor', '-days', '1'];
  execFileSync('openssl', [...request, '-keyout', keyFile, '-out', certFile], { stdio: 'ignore' });
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
  test(`a peer with an X.509 certificate over ${maxVersion} is refused`, requires('openssl'), async t => {
    const server = startReleaseServer(t, []);
    const socket = await open(server.port);
    socket.write('1\r\n');
    const peer = new TLSSocket(socket, { isServer: true, ...x509(t), maxVersion });
    peer.on('error', () => {});
    let received = 0;
    peer.on('data', (chunk: Buffer) => (received += chunk.length));
    assert.match(await server.waitForLine(/refused/), /TLS handshake failed|no raw public key/);
    assert.equal(received, 0);
    socket.destroy();
  });
}

test('1000 idle connections are held without harm: others are served, memory stays flat', async t => {
  const key = makeTlsKey();
  const clients = [makeClient('web1', key.keyId, randomBytes(700))];
  const server = startReleaseServer(t, clients, { maxConnectionsPerAddress: 1001 });
  const idle: Socket[] = [];
  t.after(() => idle.forEach(socket => socket.destroy()));
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 1000; i++) {
    const socket = await open(server.port);
    if (i % 2 === 0) socket.write('1\r\n');
    idle.push(socket);
  }
  assert.equal((await fetch(server.port, key)).length, 700);
  const grown = (process.memoryUsage.rss() - before) / 1000;
  // Both ends live in this process. Mandos itself takes 2.4 MB each.
  assert(grown < 100_000, `${Math.round(grown)} bytes per idle connection`);
});

test('an aborted fetch ends at once and leaves no socket', async t => {
  const key = makeTlsKey();
  const abort = new AbortController();
  const silent = createServer();
  silent.listen(0, '::1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const address = silent.address();
  assert(address !== null && typeof address === 'object');
  const fetching = fetch(address.port, key, abort.signal);
  const [accepted] = (await once(silent, 'connection')) as [Socket];
  abort.abort(new Error('enough'));
  await assert.rejects(fetching, /enough/);
  accepted.resume();
  await once(accepted, 'close');
});

test('a server that is not there is reported by its errno', async () => {
  await assert.rejects(fetch(1, makeTlsKey()), { code: 'FETCH_CONNECT', message: /connection refused/ });
});

test('the client answers the close with its own close_notify', async t => {
  const key = makeTlsKey();
  const listener = createServer();
  listener.listen(0, '::1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  const address = listener.address();
  assert(address !== null && typeof address === 'object');
  const fetching = fetch(address.port, key);
  const [socket] = (await once(listener, 'connection')) as [Socket];
  const [greeting] = (await once(socket, 'data')) as [Buffer];
  assert.equal(greeting.toString(), '1\r\n');
  const server = new TlsStream(socket, {
    role: 'client',
    context: new TlsContext(SERVER_PRIORITY),
    handshakeTimeoutMs: 60_000,
  });
  server.end('secret');
  await once(server, 'secure');
  let received = 0;
  socket.on('data', (chunk: Buffer) => (received += chunk.length));
  server.resume();
  await once(server, 'end');
  assert.equal(Buffer.from(await fetching).toString(), 'secret');
  // One encrypted alert: five bytes of header, two of alert, one of type, sixteen of authentication.
  assert.equal(received, 24);
});
