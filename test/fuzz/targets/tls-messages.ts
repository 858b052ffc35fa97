/*
 * What somebody with a key of his own may say to the server within TLS, where it is decrypted before it is looked at:
 * certificates, signatures, extensions, and whatever follows a handshake. He never proves another's key.
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { SERVER_PRIORITY } from '../../../common/protocol.js';
import { check } from './expected.js';
import { SocketPair } from './socket-pair.js';
import { message, serverFlight, TlsPeer } from './tls-peer.js';
import { whileReadable } from './while-readable.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

/** Of Ed25519 in PKCS #8, before the 32 bytes of the key (RFC 8410 section 7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const KEY_BYTES = 32;

export const facts: TargetFacts = { covers: ['common/tls/'], batch: 32 };

export async function prepare(): Promise<Prepared> {
  const { TlsContext } = await import('../../../common/tls/tls-context.js');
  const { DescriptorSession } = await import('../../../common/tls/descriptor-session.js');
  const { TlsError } = await import('../../../common/tls/tls-error.js');
  const context = new TlsContext(SERVER_PRIORITY);
  // Always the same: an input that has one of them is to do the same when it is tried again.
  const [own, other] = [privateKey(1), privateKey(2)];
  const spki = (of: typeof own) => createPublicKey(of).export({ type: 'spki', format: 'der' });
  const keyId = (of: Buffer) => createHash('sha256').update(of).digest('hex');
  const peer = new TlsPeer(own);
  let proven = 0;
  /** @returns the key ID that the server takes for proven */
  const meet = (said: Buffer) => {
    const pair = new SocketPair();
    const session = new DescriptorSession(pair.theirs, context);
    session.handshake();
    const answer = peer.answer(pair.receive(), said);
    pair.send(answer);
    pair.end();
    let step = whileReadable(pair.theirs, answer.length, () => session.handshake());
    const proved = session.peerKeyId;
    check(step instanceof TlsError || step === 'done', `the handshake did not end: ${String(step)}`);
    check(step instanceof TlsError === (proved === undefined), 'a key ID and an error');
    if (step === 'done') {
      step = whileReadable(pair.theirs, answer.length, () => session.discard());
      check(step instanceof TlsError || step === 'done', `the session did not end: ${String(step)}`);
    }
    session.free();
    pair.close();
    pair.closeTheirs();
    return proved;
  };
  const good = serverFlight(spki(own));
  check(meet(good) === keyId(spki(own)), 'what is right is not accepted');
  const record = (type: number, content: Buffer) =>
    Buffer.concat([Buffer.from([type, 0, content.length]), content]);
  const later = [
    record(23, Buffer.from('data')),
    record(22, message(24, Buffer.from([1]))),
    record(22, message(4, Buffer.alloc(8, 1), Buffer.from([0]), Buffer.from([0, 1, 7]), Buffer.from([0, 0]))),
    record(22, message(13, Buffer.from([0, 0, 0]))),
    record(21, Buffer.from([1, 0])),
  ];
  return {
    seeds: [
      good,
      serverFlight(spki(other)),
      Buffer.concat([serverFlight(spki(other)), good]),
      ...later.map(bytes => Buffer.concat([good, bytes])),
      Buffer.concat([good, ...later]),
    ],
    run(input) {
      const id = meet(input);
      if (id === undefined) return;
      proven++;
      check(id !== keyId(spki(other)), 'a key that was not proven');
      check(
        encodings(input, spki(own)).some(shown => keyId(shown) === id),
        `key ID ${id}, of neither key`,
      );
    },
    close: () => {
      context.close();
      check(proven > 0, 'no handshake was ever complete');
    },
  };
}

function privateKey(number: number): KeyObject {
  const der = Buffer.concat([PKCS8_HEAD, Buffer.alloc(KEY_BYTES, number)]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

/**
 * What an input may show of a key. GnuTLS takes a key in other encodings than DER too, such as with bits behind the end
 * of a BIT STRING. The key ID is of the bytes that were shown: they prove the same key, which no client is known by then.
 */
function encodings(input: Buffer, spki: Buffer): Buffer[] {
  const all = [spki];
  const key = spki.subarray(-KEY_BYTES);
  for (let at = input.indexOf(key); at >= 0; at = input.indexOf(key, at + 1)) {
    for (let from = Math.max(0, at - 2 * spki.length); from <= at; from++) {
      const last = Math.min(input.length, at + 2 * spki.length);
      for (let end = at + KEY_BYTES; end <= last; end++) all.push(input.subarray(from, end));
    }
  }
  return all;
}
