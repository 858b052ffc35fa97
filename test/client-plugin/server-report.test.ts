import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { createLog } from '../../common/log.js';
import { CLIENT_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import { fetchSecret } from '../../client-plugin/fetch.js';
import { ServerReport } from '../../client-plugin/server-report.js';
import { makeTlsKey } from '../support/keys.js';
import { SimulatedClock } from './simulation.js';

/** What is said of a server that does this to each connection. */
async function reportOf(t: TestContext, serve: (socket: Socket) => void): Promise<string> {
  const server = createServer(socket => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const context = new TlsContext(CLIENT_PRIORITY, makeTlsKey());
  t.after(() => context.close());
  const lines: string[] = [];
  const log = createLog({ write: (_, line) => lines.push(line) }, 'info');
  const report = new ServerReport(log, new SimulatedClock());
  const target = { host: '127.0.0.1', port, origin: 'given', label: '' } as const;
  const failure = await fetchSecret('127.0.0.1', port, context, new AbortController().signal).catch(
    (error: unknown) => error,
  );
  report.failed(target, failure);
  return lines.join('\n');
}

test('a connection that is reset is told with what that usually means', async t => {
  assert.match(
    await reportOf(t, socket => socket.once('data', () => socket.resetAndDestroy())),
    /^server 127\.0\.0\.1 port \d+ failed: connection reset by peer \(it refuses this address, or has too many/,
  );
});

test('what speaks no TLS is not said to refuse', async t => {
  const said = await reportOf(t, socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  assert.match(said, /failed: /);
  assert.doesNotMatch(said, /refuses this address/);
});
