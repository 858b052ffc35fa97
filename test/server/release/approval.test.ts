import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { fetchSecret } from '../../../client-plugin/fetch.js';
import { CLIENT_PRIORITY } from '../../../common/protocol.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { TlsStream } from '../../../common/tls/tls-stream.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { createClient, disable } from '../../../server/client/client.js';
import type { ClientEvent } from '../../../server/client/events.js';
import { makeTlsKey } from '../../support/keys.js';
import { startReleaseServer, TEST_SETTINGS } from '../../support/release-server.js';

const SECRET = Buffer.from('the secret');
const OPERATOR = { kind: 'operator', uid: 0 } as const;
/** Longer than any test takes. */
const LONG_MS = 3_600_000;

async function startServer(t: TestContext, settings: Partial<ClientSettings>) {
  const key = makeTlsKey();
  const context = new TlsContext(CLIENT_PRIORITY, key);
  t.after(() => context.close());
  const all = { ...TEST_SETTINGS, secret: SECRET, keyId: key.keyId, approvalDelayMs: LONG_MS, ...settings };
  const server = startReleaseServer(t, [createClient(all, Date.now(), 0)]);
  const events: ClientEvent[] = [];
  const waiters: { kind: ClientEvent['kind']; resolve: (event: ClientEvent) => void }[] = [];
  server.registry.events.subscribe(event => {
    events.push(event);
    for (const { kind, resolve } of waiters) if (kind === event.kind) resolve(event);
  });
  const next = (kind: ClientEvent['kind']) =>
    new Promise<ClientEvent>(resolve => waiters.push({ kind, resolve }));
  const ask = () => fetchSecret('::1', server.port, context, new AbortController().signal);
  const pending = () => server.registry.find('client1')?.pendingApprovals;
  return { server, context, events, next, ask, pending };
}

test('a request waits until an operator approves it', async t => {
  const { server, events, next, ask, pending } = await startServer(t, { approvedByDefault: false });
  const needed = next('approval-needed');
  const asking = ask();
  await needed;
  assert.equal(pending(), 1);
  await server.requests.approve('client1', true, OPERATOR);
  assert.deepEqual(Buffer.from(await asking), SECRET);
  await server.waitForLine(/secret sent/);
  assert.equal(pending(), 0);
  const kinds = events.map(event => event.kind).filter(kind => kind !== 'changed');
  assert.deepEqual(kinds, ['approval-needed', 'approved', 'released']);
});

test('a request that is denied gets nothing, whatever the default is', async t => {
  const { server, next, ask, pending } = await startServer(t, { approvedByDefault: true });
  const needed = next('approval-needed');
  const asking = ask();
  await needed;
  await Promise.all([
    assert.rejects(asking, { code: 'FETCH_REFUSED' }),
    server.requests.approve('client1', false, OPERATOR),
  ]);
  await server.waitForLine(/refused .*: client client1 was denied by an operator/);
  assert.equal(pending(), 0);
});

test('when nobody decides, approved_by_default does', async t => {
  const approved = await startServer(t, { approvedByDefault: true, approvalDelayMs: 200 });
  assert.deepEqual(Buffer.from(await approved.ask()), SECRET);
  const denied = await startServer(t, { approvedByDefault: false, approvalDelayMs: 200 });
  await assert.rejects(denied.ask(), { code: 'FETCH_REFUSED' });
  await denied.server.waitForLine(/refused .*: nobody approved client client1 in 0.2 s/);
});

test('several requests of one client wait together, and one decision is for all', async t => {
  const { server, next, ask, pending } = await startServer(t, {});
  const asking: Promise<Uint8Array>[] = [];
  for (let i = 1; i <= 3; i++) {
    const needed = next('approval-needed');
    asking.push(ask());
    await needed;
    assert.equal(pending(), i);
  }
  await server.requests.approve('client1', true, OPERATOR);
  for (const secret of await Promise.all(asking)) assert.deepEqual(Buffer.from(secret), SECRET);
});

for (const [how, leave] of [
  ['closes', (stream: TlsStream) => stream.end()],
  ['breaks', (_: TlsStream, socket: Socket) => socket.resetAndDestroy()],
] as const) {
  test(`a connection that ${how} while it waits is forgotten at once`, async t => {
    const { server, context, events, next, pending } = await startServer(t, {});
    const needed = next('approval-needed');
    const socket = connect(server.port, '::1');
    await once(socket, 'connect');
    socket.write('1\r\n');
    const stream = new TlsStream(socket, { role: 'server', context, handshakeTimeoutMs: 30_000 });
    stream.on('error', () => {}).resume();
    await needed;
    assert.equal(pending(), 1);
    const changed = next('changed');
    leave(stream, socket);
    await changed;
    assert.equal(pending(), 0);
    await server.requests.approve('client1', true, OPERATOR);
    assert.deepEqual(server.released, []);
    assert.ok(!events.some(({ kind }) => kind === 'refused' || kind === 'released'));
    assert.equal(server.registry.find('client1')?.releases, 0);
    stream.destroy();
  });
}

test('a client that is disabled while its request waits gets nothing, and at once', async t => {
  const { server, next, ask, pending } = await startServer(t, { approvedByDefault: true });
  const needed = next('approval-needed');
  const asking = ask();
  await needed;
  server.registry.update('client1', disable);
  await assert.rejects(asking, { code: 'FETCH_REFUSED' });
  assert.equal(pending(), 0);
  await server.waitForLine(/refused .*: client client1 is disabled/);
});
