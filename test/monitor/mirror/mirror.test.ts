import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changeClient, readClient } from '../../../monitor/mirror/client-view.js';
import type { ClientView } from '../../../monitor/mirror/client-view.js';
import { EMPTY_MIRROR, reduce } from '../../../monitor/mirror/mirror.js';
import type { Mirror, MirrorMessage, ServerSignal } from '../../../monitor/mirror/mirror.js';
import { pick, seededRandom } from '../../support/random.js';

const NOW_MS = 1_000;

function client(name: string, values: Record<string, unknown> = {}): ClientView {
  return readClient(`/clients/${name}`, new Map(Object.entries({ Name: name, ...values })));
}

const signal = (of: ServerSignal): MirrorMessage => ({ kind: 'signal', signal: of });
const properties = (name: string, values: Record<string, unknown>): MirrorMessage =>
  signal({ kind: 'properties', path: `/clients/${name}`, values: new Map(Object.entries(values)) });
const run = (messages: readonly MirrorMessage[], mirror: Mirror = EMPTY_MIRROR) =>
  reduce(mirror, messages, NOW_MS);
const APPEARS: MirrorMessage = { kind: 'owner', present: true };
const LEAVES: MirrorMessage = { kind: 'owner', present: false };
const snapshot = (...clients: ClientView[]): MirrorMessage => ({ kind: 'snapshot', clients });

test('properties become numbers of milliseconds, times since the epoch, and nothing where there is none', () => {
  const view = client('a', {
    Timeout: 300_000n,
    Expires: '2026-11-21T14:05:31.249475',
    Created: '2026-11-21T14:05:31',
    LastCheckedOK: '',
    LastCheckerStatus: -1,
    Enabled: true,
    Secret: 'never looked at',
  });
  assert.equal(view.timeoutMs, 300_000);
  assert.equal(view.expiresMs, Date.UTC(2026, 10, 21, 14, 5, 31, 249));
  assert.equal(view.createdMs, Date.UTC(2026, 10, 21, 14, 5, 31));
  assert.equal(view.lastCheckedOkMs, undefined);
  assert.equal(view.lastCheckerStatus, -1);
  assert.equal(view.enabled, true);
  assert.ok(!JSON.stringify(view).includes('never'));
});

test('what is no time and what has another type is as if it were not there', () => {
  const odd = client('a', {
    Expires: '21/11/2026',
    Created: '2026-99-99T99:99:99',
    Host: 5,
    Enabled: 'yes',
    Timeout: 'x',
  });
  assert.deepEqual(odd, client('a'));
});

test('a client that is told nothing new is the same object', () => {
  const before = client('a', { Host: 'h' });
  assert.equal(changeClient(before, new Map([['Host', 'h']])), before);
  assert.equal(changeClient(before, new Map([['NoSuchProperty', 'h']])), before);
});

test('the mirror follows the server: none, reading, live, gone', () => {
  const none = run([LEAVES]);
  assert.deepEqual(none.mirror.state.status, { kind: 'no-server' });
  assert.deepEqual(none.events, []);
  const reading = run([APPEARS], none.mirror);
  assert.deepEqual(reading.mirror.state.status, { kind: 'reading' });
  const live = run([snapshot(client('a'), client('b'))], reading.mirror);
  assert.deepEqual(live.mirror.state.status, { kind: 'live' });
  assert.deepEqual([...live.mirror.state.clients.keys()], ['/clients/a', '/clients/b']);
  assert.deepEqual(live.events, [{ atMs: NOW_MS, kind: 'server-live', clients: 2 }]);
  const gone = run([LEAVES], live.mirror);
  assert.equal(gone.mirror.state.clients.size, 0);
  assert.deepEqual(gone.events, [{ atMs: NOW_MS, kind: 'server-gone' }]);
  const noBus = run([{ kind: 'bus-gone', problem: 'p' }], gone.mirror);
  assert.deepEqual(noBus.mirror.state.status, { kind: 'no-bus', problem: 'p' });
  assert.equal(noBus.events.length, 1);
  // Each further try that fails is no news.
  assert.deepEqual(run([{ kind: 'bus-gone', problem: 'p' }], noBus.mirror).events, []);
});

test('a change names the clients that changed, and its events say from what to what', () => {
  const { mirror } = run([APPEARS, snapshot(client('a', { Enabled: true }), client('b'))]);
  const { change, events } = run([properties('a', { Enabled: false, Host: '' })], mirror);
  assert.deepEqual([...(change?.paths ?? [])], ['/clients/a']);
  assert.deepEqual(events, [
    {
      atMs: NOW_MS,
      kind: 'property',
      path: '/clients/a',
      name: 'a',
      property: 'enabled',
      before: true,
      after: false,
    },
  ]);
  assert.equal(mirror.state.clients.get('/clients/a')?.enabled, true, 'the state before is as it was');
  assert.equal(run([properties('a', { Enabled: true })], mirror).change, undefined);
});

test('clients come and go, and a signal of one that is gone does nothing', () => {
  const { mirror } = run([APPEARS, snapshot(client('a'))]);
  const { mirror: after, events } = run(
    [
      signal({ kind: 'added', client: client('b') }),
      signal({ kind: 'removed', path: '/clients/a' }),
      signal({ kind: 'removed', path: '/clients/a' }),
      signal({ kind: 'got-secret', path: '/clients/a' }),
      signal({ kind: 'rejected', path: '/clients/b', reason: 'Denied' }),
      signal({ kind: 'client-not-found', keyId: 'K', address: 'A' }),
    ],
    mirror,
  );
  assert.deepEqual([...after.state.clients.keys()], ['/clients/b']);
  assert.deepEqual(
    events.map(event => [event.kind, 'name' in event ? event.name : '']),
    [
      ['client-added', 'b'],
      ['client-removed', 'a'],
      ['rejected', 'b'],
      ['client-not-found', ''],
    ],
  );
});

test('what happens while the clients are read counts when they are there, events included', () => {
  const { mirror, events } = run([
    APPEARS,
    properties('a', { Host: 'newer than the reply' }),
    signal({ kind: 'added', client: client('c') }),
    signal({ kind: 'removed', path: '/clients/b' }),
    signal({ kind: 'got-secret', path: '/clients/a' }),
    snapshot(client('a', { Host: 'old' }), client('b')),
  ]);
  assert.equal(mirror.state.clients.get('/clients/a')?.host, 'newer than the reply');
  assert.deepEqual([...mirror.state.clients.keys()], ['/clients/a', '/clients/c']);
  assert.ok(events.some(({ kind }) => kind === 'got-secret'));
  assert.deepEqual(mirror.held, []);
});

test('what was heard of one server does not count for the next', () => {
  const { mirror } = run([
    APPEARS,
    properties('a', { Host: 'of the first' }),
    LEAVES,
    APPEARS,
    snapshot(client('a')),
  ]);
  assert.equal(mirror.state.clients.get('/clients/a')?.host, '');
});

test('many messages at once lead to the same state and events as one by one, and to what a plain replay does', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = seededRandom(seed);
    const messages = Array.from({ length: 60 }, () => randomMessage(random));
    const together = run(messages);
    let mirror = EMPTY_MIRROR;
    const events = [];
    for (const message of messages) {
      const step = run([message], mirror);
      mirror = step.mirror;
      events.push(...step.events);
    }
    assert.deepEqual(together.mirror, mirror, `seed ${seed}`);
    assert.deepEqual(together.events, events, `seed ${seed}`);
    if (mirror.state.status.kind === 'live')
      assert.deepEqual(mirror.state.clients, replay(messages), `seed ${seed}`);
    else assert.equal(mirror.state.clients.size, 0, `seed ${seed}`);
  }
});

function randomMessage(random: () => number): MirrorMessage {
  const name = pick(random, ['a', 'b', 'c']);
  const one = () => client(name, { Host: pick(random, ['x', 'y']), Enabled: random() < 0.5 });
  const kind = Math.floor(random() * 20);
  if (kind === 0) return LEAVES;
  if (kind <= 2) return APPEARS;
  if (kind === 3) return { kind: 'bus-gone', problem: 'gone' };
  if (kind === 4) return { kind: 'refused', problem: 'no' };
  if (kind <= 8) return snapshot(...(random() < 0.5 ? [one()] : []));
  if (kind <= 11) return signal({ kind: 'added', client: one() });
  if (kind <= 13) return signal({ kind: 'removed', path: `/clients/${name}` });
  return properties(name, { Host: pick(random, ['x', 'y', 'z']), Enabled: random() < 0.5 });
}

/** The clients at the end, by another way: the last snapshot, and the signals since the server was there. */
function replay(messages: readonly MirrorMessage[]): Map<string, ClientView> {
  const lastRead = messages.findLastIndex(({ kind }) => kind === 'snapshot');
  const begin = messages.findLastIndex(({ kind }, i) => i < lastRead && kind !== 'signal');
  const last = messages[lastRead];
  const clients = new Map(
    last?.kind === 'snapshot' ? last.clients.map(each => [each.path, each]) : undefined,
  );
  const before = messages[begin];
  const reading = before?.kind === 'owner' && before.present;
  for (const [i, message] of messages.entries()) {
    if (message.kind !== 'signal' || i < (reading ? begin : lastRead)) continue;
    const of = message.signal;
    if (of.kind === 'added') clients.set(of.client.path, of.client);
    else if (of.kind === 'removed') clients.delete(of.path);
    else if (of.kind === 'properties') {
      const known = clients.get(of.path);
      if (known) clients.set(of.path, changeClient(known, of.values));
    }
  }
  return clients;
}
