/* What a server's port is sent, up to the handshake: server/release/connection.ts with a real socket. */
import { createLog } from '../../../common/log.js';
import { SERVER_PRIORITY } from '../../../common/protocol.js';
import { check } from './expected.js';
import { SocketPair } from './socket-pair.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: [
    'server/release/',
    'common/tls/',
    'common/protocol.js',
    'common/libc-tcp.js',
    'common/libc-epoll.js',
  ],
  limitBytes: 1024,
  batch: 32,
};

export async function prepare(): Promise<Prepared> {
  const { Connection } = await import('../../../server/release/connection.js');
  const { RefusalLog } = await import('../../../server/release/refusal-log.js');
  const { EventPoll } = await import('../../../common/libc-epoll.js');
  const { TlsContext } = await import('../../../common/tls/tls-context.js');
  const context = new TlsContext(SERVER_PRIORITY);
  const limits = { greetingTimeoutMs: 3_600_000, handshakeTimeoutMs: 3_600_000, maxGreetingBytes: 64 };
  let lines: string[] = [];
  const log = createLog({ write: (_, line) => void lines.push(line) }, 'debug');
  let nowMs = 0;
  const refusals = new RefusalLog(log, { nowMs: () => nowMs, after: () => () => {} });
  const ask = () => {
    throw new Error('a request without a proven key');
  };
  const service = { context, log, refusals, limits: () => limits, ask };
  const poll = new EventPoll();
  const turn = () => new Promise(resolve => setImmediate(resolve));
  return {
    seeds: ['1\r\n', '1 2\r\n', '2\r\n', ` ${'1'.repeat(80)}\n`, '1\n\x16\x03\x01\0\x05\x01\0\0\x01\0'].map(
      text => Buffer.from(`\x01${text}`, 'latin1'),
    ),
    /** The first byte says where what is sent is divided in two. */
    async run(input) {
      lines = [];
      nowMs += 3_600_000;
      const pair = new SocketPair();
      const counts = { failed: 0, closed: 0 };
      const ticket = {
        failed: () => void counts.failed++,
        close: () => void counts.closed++,
        waits: () => {},
        proven: () => {},
      };
      const closed = new Promise(resolve => {
        void new Connection({ fd: pair.theirs, address: '::1', port: 7 }, poll, service, ticket, resolve);
      });
      const sent = input.subarray(1);
      const middle = Math.min(input[0] ?? 0, sent.length);
      pair.send(sent.subarray(0, middle));
      await turn();
      pair.send(sent.subarray(middle));
      await turn();
      pair.end();
      await closed;
      const answer = pair.receive();
      pair.close();
      const refused = lines.filter(line => line.startsWith('refused '));
      // A look at the port alone is no failure.
      const failures = sent.length > 0 ? 1 : 0;
      check(refused.length === failures, `not one line that says why: ${lines.join(' | ')}`);
      check(
        counts.failed === failures && counts.closed === 1,
        `failed ${counts.failed} times, closed ${counts.closed} times`,
      );
      check(sent.includes('\n') || answer.length === 0, 'an answer before the end of the greeting');
    },
    close() {
      poll.close();
      context.close();
    },
  };
}
