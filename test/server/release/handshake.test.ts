import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { fetchSecret } from '../../../client-plugin/fetch.js';
import { CLIENT_PRIORITY, GREETING } from '../../../common/protocol.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { serverFlight, TlsPeer } from '../../fuzz/targets/tls-peer.js';
import { makeTlsKey } from '../../support/keys.js';
import { makeClient, startReleaseServer } from '../../support/release-server.js';

const never = new AbortController().signal;
const SECRET = Buffer.from('secret');

/** IANA: TLS Cipher Suites, TLS Supported Groups, TLS ExtensionType Values. */
const CHACHA20_POLY1305_SHA256 = 0x1303;
const X25519 = 0x001d;
const SUPPORTED_GROUPS = 10;
const KEY_SHARE = 51;

/** Connects, and reads the record that the server begins with. */
async function greet(t: TestContext, port: number): Promise<{ socket: Socket; record: Buffer }> {
  const socket = connect(port, '::1');
  t.after(() => socket.destroy());
  socket.write(GREETING);
  let record = Buffer.alloc(0);
  while (record.length < 5 || record.length < 5 + record.readUInt16BE(3)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    record = Buffer.concat([record, chunk]);
  }
  return { socket, record };
}

/** What the server says first of all: a ClientHello (RFC 8446 section 4.1.2), behind two headers. */
async function clientHello(t: TestContext): Promise<Buffer> {
  const { record } = await greet(t, startReleaseServer(t, []).port);
  return record.subarray(5 + 4);
}

/** @returns the cipher suites, and the extensions by their type */
function parse(hello: Buffer): { suites: number[]; extensions: Map<number, Buffer> } {
  let at = 2 + 32;
  const take = (lengthBytes: number) => {
    const length = hello.readUIntBE(at, lengthBytes);
    const bytes = hello.subarray(at + lengthBytes, at + lengthBytes + length);
    at += lengthBytes + length;
    return bytes;
  };
  take(1); // legacy_session_id
  const suites = uint16s(take(2));
  take(1); // legacy_compression_methods
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  const extensions = new Map<number, Buffer>();
  while (at < end) {
    const type = hello.readUInt16BE(at);
    at += 2;
    extensions.set(type, take(2));
  }
  return { suites, extensions };
}

function uint16s(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(2 * i));
}

test('the server offers what costs least first, and makes one key for it', async t => {
  const { suites, extensions } = parse(await clientHello(t));
  assert.equal(suites[0], CHACHA20_POLY1305_SHA256);
  const groups = uint16s(extensions.get(SUPPORTED_GROUPS)?.subarray(2) ?? Buffer.alloc(0));
  assert.equal(groups[0], X25519);
  const shares = extensions.get(KEY_SHARE) ?? Buffer.alloc(0);
  // One entry: its group, its length and its 32 bytes.
  assert.equal(shares.readUInt16BE(0), 2 + 2 + 32);
  assert.equal(shares.readUInt16BE(2), X25519);
});

for (const wish of [
  '-GROUP-ALL:+GROUP-SECP256R1',
  '-GROUP-ALL:+GROUP-SECP521R1',
  '-GROUP-ALL:+GROUP-FFDHE3072',
  '-CIPHER-ALL:+AES-128-CCM',
]) {
  test(`a machine that wants nothing but ${wish} gets its secret, after a retry where it needs one`, async t => {
    const key = makeTlsKey();
    const server = startReleaseServer(t, [makeClient('web1', key.keyId, SECRET)]);
    const context = new TlsContext(`${CLIENT_PRIORITY}:${wish}`, key);
    assert.deepEqual(Buffer.from(await fetchSecret('::1', server.port, context, never)), SECRET);
  });
}

test('a finite field of less than 128 bits is not agreed upon', async t => {
  const key = makeTlsKey();
  const server = startReleaseServer(t, [makeClient('web1', key.keyId, SECRET)]);
  const context = new TlsContext(`${CLIENT_PRIORITY}:-GROUP-ALL:+GROUP-FFDHE2048`, key);
  await assert.rejects(fetchSecret('::1', server.port, context, never), /No common key share/);
  assert.deepEqual(server.released, []);
});

/** Far behind the end of a test. */
const NEVER_MS = 3_600_000;
const RECORDS = 300;

test('of many small records in place of a handshake each is read, and the end behind them', async t => {
  const server = startReleaseServer(t, [], { handshakeTimeoutMs: NEVER_MS });
  const { socket } = await greet(t, server.port);
  // A message of 16 kB, of which each record has a byte.
  const begun = Buffer.concat([Buffer.from([2, 0, 0x40, 0]), Buffer.alloc(RECORDS - 4)]);
  socket.end(Buffer.concat(Array.from(begun, byte => Buffer.from([22, 3, 3, 0, 1, byte]))));
  assert.match(
    await server.waitForLine(/refused/),
    /TLS handshake failed: The TLS connection was non-properly terminated/,
  );
  await server.waitForLine(/: closed$/);
});

test('of many empty records behind a handshake each is read, and the end behind them', async t => {
  const server = startReleaseServer(t, [], { closeTimeoutMs: NEVER_MS });
  const { socket, record } = await greet(t, server.port);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const flight = serverFlight(publicKey.export({ type: 'spki', format: 'der' }));
  const empty = Buffer.from([22, 0, 0]);
  socket.end(new TlsPeer(privateKey).answer(record, Buffer.concat([flight, ...Array(RECORDS).fill(empty)])));
  await server.waitForLine(/handshake complete/);
  await server.waitForLine(/: closed$/);
});
