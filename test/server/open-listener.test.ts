import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { createLog } from '../../common/log.js';
import { SERVER_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import { openListener, openListenPlace } from '../../server/open-listener.js';
import { DEFAULT_LIMITS } from '../../server/config/limits.js';
import { scratchDirectory } from '../support/loopback.js';

type Options = Parameters<typeof openListener>[0];

const OPTIONS: Options = {
  socket: undefined,
  address: '::1',
  port: 0,
  interface: undefined,
  useIpv6: true,
  zeroconf: false,
  priority: SERVER_PRIORITY,
  workers: 1,
};

/** Opens a listener, closes it, and says what was logged. */
async function linesOf(options: Partial<Options>): Promise<string> {
  const lines: string[] = [];
  const log = createLog({ write: (level, line) => lines.push(`${level}: ${line}`) }, 'debug');
  const all = { ...OPTIONS, ...options };
  const place = openListenPlace(all, log);
  const listener = await openListener(all, place, {
    context: new TlsContext(SERVER_PRIORITY),
    log,
    limits: () => DEFAULT_LIMITS,
    ask: () => assert.fail('nobody asks'),
    nowMs: Date.now,
  });
  await listener.close();
  return lines.join('\n').replaceAll(`:${listener.port}`, ':PORT');
}

async function occupy(t: TestContext): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen(0, '::1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

test('a port that only the log can tell is told as a warning', async t => {
  const { server, port } = await occupy(t);
  server.close();
  await once(server, 'close');
  assert.equal(await linesOf({}), 'warning: listening on [::1]:PORT');
  assert.equal(await linesOf({ port: undefined }), 'warning: listening on [::1]:PORT');
  assert.equal(await linesOf({ zeroconf: true }), 'info: listening on [::1]:PORT');
  assert.equal(await linesOf({ port }), 'info: listening on [::1]:PORT');
});

test('the log says when it is one interface only, and when it is not', async () => {
  assert.equal(await linesOf({ interface: 'lo', zeroconf: true }), 'info: listening on lo only: [::1]:PORT');
  assert.match(
    await linesOf({ interface: 'nope0', zeroconf: true }),
    /^error: cannot listen on interface nope0 only, so on all: there is no such interface .*\ninfo: listening on \[::1\]:PORT$/,
  );
});

test('a port that is taken comes with the remedy, on one interface as on all', async t => {
  const { port } = await occupy(t);
  const reason = 'another program has this port: choose another or stop that program (EADDRINUSE)';
  for (const [options, where] of [
    [{ port }, `[::1]:${port}`],
    [{ port, interface: 'lo' }, `[::1]:${port} on lo`],
  ] as const) {
    const expected = { code: 'LISTEN', message: `cannot listen on ${where}: ${reason}` };
    await assert.rejects(linesOf(options), expected);
  }
});

test('a descriptor that is not open, or no TCP socket, is said to be so', async t => {
  const file = openSync(join(scratchDirectory(t), 'file'), 'w');
  t.after(() => closeSync(file));
  for (const socket of [77_777, file]) {
    const message = `cannot listen: descriptor ${socket} is not an open TCP socket`;
    await assert.rejects(linesOf({ socket }), { code: 'LISTEN', message });
  }
});
