/*
 * What somebody with a key of his own may say to the server within TLS, where it is decrypted before it is looked at:
 * certificates, signatures, extensions, and whatever follows a handshake. He never proves another's key.
 */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { SERVER_PRIORITY } from '../../../common/protocol.js';
import { check } from './expected.js';
import { SocketPair } from './socket-pair.js';
import { message, serverFlight, TlsPeer } from './tls-peer.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

const CALLS_LIMIT = 40;

export const facts: TargetFacts = { covers: ['common/tls/'], batch: 32 };

export async function prepare(): Promise<Prepared> {
  const { TlsContext } = await import('../../../common/tls/tls-context.js');
  const { DescriptorSession } = await import('../../../common/tls/descriptor-session.js');
  const { TlsError } = await import('../../../common/tls/tls-error.js');
  const context = new TlsContext(SERVER_PRIORITY);
  const [own, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
  const spki = (pair: typeof own) => pair.publicKey.export({ type: 'spki', format: 'der' });
  const keyId = (of: Buffer) => createHash('sha256').update(of).digest('hex');
  const peer = new TlsPeer(own.privateKey);
  let proven = 0;
  /** @returns the key ID that the server takes for proven */
  const meet = (said: Buffer) => {
    const pair = new SocketPair();
    const session = new DescriptorSession(pair.theirs, context);
    session.handshake();
    pair.send(peer.answer(pair.receive(), said));
    pair.end();
    let step;
    for (let i = 0; i < CALLS_LIMIT && !(step instanceof TlsError) && step !== 'done'; i++)
      step = session.handshake();
    const proved = session.peerKeyId;
    check(step instanceof TlsError || step === 'done', `the handshake did not end: ${String(step)}`);
    check(step instanceof TlsError === (proved === undefined), 'a key ID and an error');
    if (step === 'done') {
      step = undefined;
      for (let i = 0; i < CALLS_LIMIT && !(step instanceof TlsError) && step !== 'done'; i++)
        step = session.discard();
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
      check(id === keyId(spki(own)), `key ID ${id}, of neither key`);
    },
    close: () => {
      context.close();
      check(proven > 0, 'no handshake was ever complete');
    },
  };
}
