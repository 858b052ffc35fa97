/*
 * Bytes in place of a handshake, to either program: the server's session (TLS client) and the client's (TLS server).
 * The seeds are flights of real handshakes; as these belong to other random numbers, no session can become secure.
 */
import { CLIENT_PRIORITY, SERVER_PRIORITY } from '../../../common/protocol.js';
import { makeTlsKey } from '../../support/keys.js';
import { check } from './expected.js';
import { MemorySocket } from './memory-socket.js';
import { SocketPair } from './socket-pair.js';
import { observe, settle } from './tls-outcome.js';
import { whileReadable } from './while-readable.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: ['common/tls/'],
  batch: 32,
};

export async function prepare(): Promise<Prepared> {
  const { TlsContext } = await import('../../../common/tls/tls-context.js');
  const { TlsStream } = await import('../../../common/tls/tls-stream.js');
  const { DescriptorSession } = await import('../../../common/tls/descriptor-session.js');
  const { TlsError } = await import('../../../common/tls/tls-error.js');
  const key = makeTlsKey();
  const contexts = {
    client: new TlsContext(SERVER_PRIORITY),
    server: new TlsContext(CLIENT_PRIORITY, key),
  };

  /** What both ends say in a whole session. */
  const flights = async (priority: string) => {
    const said = { client: [] as Buffer[], server: [] as Buffer[] };
    const pair = new SocketPair();
    const socket = new MemorySocket(chunk => {
      said.server.push(chunk);
      pair.send(chunk);
    });
    const context = new TlsContext(priority, key);
    const server = new TlsStream(socket.socket, { role: 'server', context, handshakeTimeoutMs: 60_000 });
    server.on('error', () => {});
    server.end('secret');
    const client = new DescriptorSession(pair.theirs, contexts.client);
    for (let i = 0; i < 20; i++) {
      const step = client.peerKeyId === undefined ? client.handshake() : client.discard();
      const sent = pair.receive();
      said.client.push(sent);
      if (sent.length > 0) socket.deliver(sent);
      await settle();
      if (step instanceof TlsError) break;
    }
    client.free();
    pair.close();
    pair.closeTheirs();
    server.destroy();
    return said;
  };

  const toServersSession = (sent: Buffer, middle: number) => {
    const pair = new SocketPair();
    const session = new DescriptorSession(pair.theirs, contexts.client);
    let step = session.handshake();
    for (const part of [sent.subarray(0, middle), sent.subarray(middle), undefined]) {
      if (part) pair.send(part);
      else pair.end();
      if (!(step instanceof TlsError)) {
        step = whileReadable(pair.theirs, sent.length, () => session.handshake()) ?? step;
      }
    }
    check(step instanceof TlsError, `the session did not end: ${String(step)}`);
    check(/^[^\n]+$/.test(step.message), step.message);
    check(session.peerKeyId === undefined, 'secure without a key');
    session.free();
    pair.close();
    pair.closeTheirs();
  };

  const toClientsSession = async (sent: Buffer, middle: number) => {
    const socket = new MemorySocket(() => {});
    const options = { role: 'server', context: contexts.server, handshakeTimeoutMs: 3_600_000 } as const;
    const outcome = observe(new TlsStream(socket.socket, options));
    if (middle > 0) socket.deliver(sent.subarray(0, middle));
    await settle(1);
    socket.deliver(sent.subarray(middle));
    socket.deliver(null);
    await settle();
    check(
      outcome.error instanceof TlsError && outcome.closed,
      `the session did not end: ${String(outcome.error)}`,
    );
    check(/^[^\n]+$/.test(outcome.error.message), outcome.error.message);
    check(!outcome.secure, 'secure without a handshake');
    check(outcome.received.length === 0, 'application data before the handshake');
  };

  const { client, server } = await flights(SERVER_PRIORITY);
  const other = await flights('NORMAL:+CTYPE-RAWPK:%COMPAT');
  const seed = (role: number, flight: readonly Buffer[]) => Buffer.concat([Buffer.from([role]), ...flight]);
  return {
    seeds: [
      seed(1, client),
      seed(1, client.slice(0, 1)),
      seed(0, server),
      seed(0, other.server),
      seed(1, server),
      seed(0, client),
    ],
    /** The first byte says whom it is for, and where the bytes are divided. */
    async run(input) {
      const first = input[0] ?? 0;
      const sent = input.subarray(1);
      const middle = Math.min(first >> 1, sent.length);
      if ((first & 1) === 0) toServersSession(sent, middle);
      else await toClientsSession(sent, middle);
    },
    close: () => Object.values(contexts).forEach(context => context.close()),
  };
}
