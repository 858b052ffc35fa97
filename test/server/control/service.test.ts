import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDbusError } from '../../../common/dbus/bus.js';
import { SECRET_LIMIT_BYTES } from '../../../common/protocol.js';
import { TEXT_LIMIT_BYTES } from '../../../server/control/setting-values.js';
import { requires } from '../../support/requires.js';
import { keyOf, settingsOf, TestStore } from '../client/heart.js';
import { CLIENT, PROPERTIES, SERVER, startScene } from './scene.js';

const needs = requires('dbus', 'root');
const OLD_SERVER = 'se.bsnet.fukt.Mandos';
const OLD_CLIENT = `${OLD_SERVER}.Client`;

const fails = (name: string, text: RegExp) => (error: unknown) =>
  isDbusError(error, name) && error instanceof Error && text.test(error.message);

test(
  'a client is disabled and enabled by methods and by its property, and the disk knows when the reply comes',
  needs,
  async t => {
    const scene = await startScene(t, [settingsOf('a')]);
    const stored = () => scene.heart.store.stored.get('a')?.state.enabled;
    await scene.of('a', 'Disable');
    assert.deepEqual([scene.heart.client().enabled, stored()], [false, false]);
    await scene.of('a', 'Enable');
    assert.deepEqual([scene.heart.client().enabled, stored()], [true, true]);
    await scene.set('a', 'Enabled', 'b', false);
    assert.deepEqual([scene.heart.client().enabled, stored()], [false, false]);
    await scene.call('/clients/a', OLD_CLIENT, 'Enable');
    assert.equal(stored(), true);
    const by = { kind: 'operator', uid: process.getuid?.() };
    const decisions = scene.heart.events.filter(
      event => event.kind === 'enabled' || event.kind === 'disabled',
    );
    assert.deepEqual(
      decisions.map(event => [event.kind, event.by]),
      [
        ['disabled', by],
        ['enabled', by],
        ['disabled', by],
        ['enabled', by],
      ],
    );
  },
);

test('each change is told under the new name, the old one, and as PropertiesChanged', needs, async t => {
  const scene = await startScene(t, [settingsOf('a')]);
  await scene.of('a', 'Disable');
  assert.deepEqual(await scene.said(), [
    '/clients/a PropertyChanged Expires',
    '/clients/a old PropertyChanged Expires',
    `/clients/a PropertiesChanged ${CLIENT} {Expires: } []`,
    '/clients/a PropertyChanged Enabled false',
    '/clients/a old PropertyChanged Enabled false',
    `/clients/a PropertiesChanged ${CLIENT} {Enabled: false} []`,
  ]);
  await scene.of('a', 'Disable');
  assert.deepEqual(await scene.said(), [], 'nothing has changed');
});

test('settings are changed, with every type of integer, and told of once', needs, async t => {
  const scene = await startScene(t, [settingsOf('a')]);
  await scene.set('a', 'Timeout', 't', 8_000_000n);
  await scene.set('a', 'ExtendedTimeout', 'i', 5000);
  await scene.set('a', 'Interval', 'x', 1n);
  await scene.set('a', 'ApprovalDelay', 'u', 1);
  await scene.set('a', 'ApprovalDuration', 'q', 2);
  await scene.set('a', 'ApprovedByDefault', 'b', false);
  await scene.set('a', 'Host', 's', 'other host');
  await scene.set('a', 'Checker', 's', 'test %(host)s');
  await scene.set('a', 'Secret', 'ay', Buffer.from('new'));
  const { settings } = scene.heart.client();
  assert.deepEqual(
    [settings.timeoutMs, settings.extendedTimeoutMs, settings.intervalMs, settings.approvalDelayMs],
    [8_000_000, 5000, 1, 1],
  );
  assert.deepEqual([settings.approvalDurationMs, settings.approvedByDefault], [2, false]);
  assert.deepEqual([settings.host, settings.checker], ['other host', 'test %(host)s']);
  assert.equal(Buffer.from(settings.secret).toString(), 'new');
  assert.deepEqual(scene.heart.store.stored.get('a')?.overrides.host, 'other host');
  const said = await scene.said();
  assert.ok(said.includes(`/clients/a PropertiesChanged ${CLIENT} {} [Secret]`));
  await scene.set('a', 'Host', 's', 'other host');
  assert.deepEqual(await scene.said(), []);
  await scene.set('a', 'Interval', 't', 1n);
  const changes = scene.heart.events.filter(event => event.kind === 'settings-changed');
  assert.equal(changes.length, 9);
  assert.deepEqual(changes[6]?.settings, ['host']);
});

test('a timeout that is over disables at once', needs, async t => {
  const scene = await startScene(t, [settingsOf('a')]);
  await scene.set('a', 'Timeout', 't', 0n);
  assert.equal(scene.heart.client().enabled, false);
  const told = scene.heart.events.find(event => event.kind === 'disabled');
  assert.match(told?.reason ?? '', /timeout that was set by user ID/);
});

/** Sets that must be refused, with the error and what it says. */
const REFUSED: readonly (readonly [
  property: string,
  type: string,
  value: unknown,
  name: string,
  text: RegExp,
])[] = [
  [
    'Interval',
    't',
    0n,
    'InvalidArgs',
    /Interval: PT0S is out of bounds \(allowed: more than PT0S, up to P1000Y\)/,
  ],
  ['Timeout', 't', 2n ** 63n, 'InvalidArgs', /out of bounds/],
  ['Timeout', 'i', -1, 'InvalidArgs', /Timeout/],
  ['Timeout', 's', '5m', 'InvalidArgs', /Timeout/],
  ['Timeout', 'd', 5, 'InvalidArgs', /Timeout/],
  ['ApprovalDelay', 't', 2n ** 64n - 1n, 'InvalidArgs', /out of bounds/],
  ['ApprovedByDefault', 'i', 1, 'InvalidArgs', /ApprovedByDefault/],
  ['Checker', 's', 'ping %(hots)s', 'InvalidArgs', /did you mean host/],
  ['Checker', 's', '100%', 'InvalidArgs', /write "%%"/],
  ['Checker', 's', 'x'.repeat(TEXT_LIMIT_BYTES + 1), 'InvalidArgs', /bytes/],
  ['Host', 's', 'x'.repeat(TEXT_LIMIT_BYTES + 1), 'InvalidArgs', /bytes/],
  ['Secret', 'ay', Buffer.alloc(0), 'InvalidArgs', /empty/],
  ['Secret', 'ay', Buffer.alloc(SECRET_LIMIT_BYTES + 1), 'InvalidArgs', /bytes/],
  ['Secret', 's', 'text', 'InvalidArgs', /Secret/],
  ['Name', 's', 'other', 'PropertyReadOnly', /Name/],
  ['KeyID', 's', 'other', 'PropertyReadOnly', /KeyID/],
  ['Expires', 's', '', 'PropertyReadOnly', /Expires/],
  ['ApprovalPending', 'b', true, 'PropertyReadOnly', /ApprovalPending/],
  ['Nonsense', 's', '', 'UnknownProperty', /Nonsense/],
  ['__proto__', 's', '', 'UnknownProperty', /__proto__/],
];

test('what is wrong is refused with its standard error, and changes nothing', needs, async t => {
  const scene = await startScene(t, [settingsOf('a')]);
  const before = scene.heart.client();
  for (const [property, type, value, name, text] of REFUSED) {
    await assert.rejects(
      scene.set('a', property, type, value),
      fails(name, text),
      `${property} ${String(value)}`,
    );
  }
  await assert.rejects(scene.of('a', 'Approve', 'i', 1), fails('InvalidArgs', /Approve/));
  await assert.rejects(scene.of('a', 'Approve'), fails('InvalidArgs', /Approve/));
  await assert.rejects(scene.of('a', 'Nonsense'), fails('UnknownMethod', /Nonsense/));
  await assert.rejects(scene.of('b', 'Enable'), fails('UnknownObject', /clients\/b/));
  await assert.rejects(scene.call('/', 'org.example', 'Enable'), fails('UnknownInterface', /org.example/));
  assert.equal(scene.heart.client(), before);
  assert.deepEqual(await scene.said(), []);
});

test('a secret is in no reply, signal, error or line of the log', needs, async t => {
  const secret = 'very-secret';
  const scene = await startScene(t, [settingsOf('a', { secret: Buffer.from(secret) })]);
  const texts: unknown[] = [];
  for (const name of [CLIENT, OLD_CLIENT, '']) {
    await assert.rejects(scene.get('/clients/a', name, 'Secret'), fails('AccessDenied', /Secret/));
    texts.push(await scene.call('/clients/a', PROPERTIES, 'GetAll', 's', name));
  }
  texts.push(await scene.call('/', 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects'));
  texts.push(await scene.call('/', SERVER, 'GetAllClientsWithProperties'));
  texts.push(await scene.call('/clients/a', 'org.freedesktop.DBus.Introspectable', 'Introspect'));
  await scene.set('a', 'Secret', 'ay', Buffer.from(`${secret}-2`));
  const settings = new Map([['secret', { signature: 's', value: `${secret}!` }]]);
  await assert.rejects(scene.call('/', SERVER, 'AddClient', 'sa{sv}', 'b', settings), (error: Error) => {
    texts.push(error.message);
    return true;
  });
  texts.push(await scene.said(), scene.lines.all);
  const seen = JSON.stringify(texts, (_, value: unknown) => {
    if (value instanceof Map) return [...value];
    return typeof value === 'bigint' ? Number(value) : value;
  });
  assert.ok(seen.length > 5000, 'there is something to look at');
  for (const form of [
    secret,
    Buffer.from(secret).toString('base64').slice(0, -3),
    Buffer.from(secret).join(','),
  ])
    assert.ok(!seen.includes(form), form);
});

test('what cannot be stored fails with the reason, and does not hold', needs, async t => {
  const store = new TestStore();
  const scene = await startScene(t, [settingsOf('a', { enabled: false })], { store });
  store.isBroken = true;
  for (const refused of [
    () => scene.of('a', 'Enable'),
    () => scene.set('a', 'Host', 's', 'other'),
    () => scene.of('a', 'CheckedOK'),
    () => scene.of('a', 'Approve', 'b', true),
    () => scene.call('/', SERVER, 'RemoveClient', 'o', '/clients/a'),
  ])
    await assert.rejects(refused(), fails('Failed', /the disk is broken/));
  const { enabled, settings, approval, lastCheckedOkMs } = scene.heart.client();
  assert.deepEqual(
    [enabled, settings.host, approval, lastCheckedOkMs],
    [false, settingsOf('a').host, undefined, undefined],
  );
});

test('a client is disabled also when that cannot be stored, and the reply says so', needs, async t => {
  const store = new TestStore();
  const scene = await startScene(t, [settingsOf('a')], { store });
  store.isBroken = true;
  const text = /the disk is broken; until then it is disabled in memory only/;
  await assert.rejects(scene.of('a', 'Disable'), fails('Failed', text));
  assert.equal(scene.heart.client().enabled, false);
});

test('checks are begun, given up and vouched for', needs, async t => {
  const scene = await startScene(t, [settingsOf('a')]);
  await scene.of('a', 'StartChecker');
  assert.deepEqual(
    (await scene.said()).filter(line => !line.includes('ropert')),
    ['/clients/a CheckerStarted sleep', '/clients/a old CheckerStarted sleep'],
  );
  assert.equal(await scene.get('/clients/a', CLIENT, 'CheckerRunning'), true);
  await scene.set('a', 'CheckerRunning', 'b', false);
  assert.equal(scene.heart.client().checking, false);
  await scene.set('a', 'CheckerRunning', 'b', true);
  assert.equal(scene.heart.client().checking, true);
  await scene.of('a', 'StopChecker');
  assert.equal(scene.heart.client().checking, false);
  await scene.heart.clock.pass(1);
  await scene.of('a', 'CheckedOK');
  assert.equal(scene.heart.client().lastCheckedOkMs, 1);
  await scene.heart.clock.pass(1);
  await scene.set('a', 'LastCheckedOK', 's', '1970-01-01');
  assert.equal(scene.heart.client().lastCheckedOkMs, 2, 'whatever is sent, the time is now');
});

test('a request is announced, approved, denied, timed out, refused and unknown', needs, async t => {
  const scene = await startScene(t, [settingsOf('a', { approvalDelayMs: 5000, approvedByDefault: false })]);
  const told = async () =>
    (await scene.said()).filter(line => !line.includes('ropert') && !line.includes('old '));
  const denied = scene.heart.ask();
  assert.deepEqual(await told(), ['/clients/a NeedApproval 5000 false']);
  assert.equal(await scene.get('/clients/a', CLIENT, 'ApprovalPending'), true);
  await scene.of('a', 'Approve', 'b', false);
  assert.deepEqual(await told(), ['/clients/a Rejected Denied']);
  assert.equal(denied.outcome, 'denied');
  await scene.heart.clock.pass(2000);
  scene.heart.ask();
  await scene.heart.clock.pass(5000);
  assert.deepEqual(await told(), [
    '/clients/a NeedApproval 5000 false',
    '/clients/a Rejected Approval timed out',
  ]);
  const given = scene.heart.ask();
  await scene.of('a', 'Approve', 'b', true);
  await scene.heart.clock.pass(0);
  assert.equal(given.outcome, 'secret of a');
  given.finish();
  assert.deepEqual(await told(), ['/clients/a NeedApproval 5000 false', '/clients/a GotSecret']);
  await scene.of('a', 'Disable');
  scene.heart.ask();
  assert.deepEqual(await told(), ['/clients/a Rejected Disabled']);
  scene.heart.ask('ab'.repeat(32));
  assert.deepEqual(await told(), [`/ ClientNotFound ${'AB'.repeat(32)} ::1`]);
});

test('a client that is removed is gone for D-Bus, and stays away after a restart', needs, async t => {
  const store = new TestStore();
  const configured = [settingsOf('a'), settingsOf('b')];
  const scene = await startScene(t, configured, { store });
  await scene.call('/', SERVER, 'RemoveClient', 'o', '/clients/a');
  assert.deepEqual(await scene.said(), [
    '/ InterfacesRemoved /clients/a [org.freedesktop.DBus.Introspectable, org.freedesktop.DBus.Properties, ' +
      `${CLIENT}, ${OLD_CLIENT}]`,
    '/ ClientRemoved /clients/a a',
    '/ old ClientRemoved /clients/a a',
  ]);
  await assert.rejects(scene.of('a', 'Enable'), fails('UnknownObject', /clients\/a/));
  await assert.rejects(
    scene.call('/', SERVER, 'RemoveClient', 'o', '/clients/a'),
    fails('UnknownObject', /clients\/a/),
  );
  assert.deepEqual(await scene.call('/', SERVER, 'GetAllClients'), [['/clients/b']]);
  await scene.control.close();
  const restarted = await startScene(t, configured, { store });
  assert.deepEqual(await restarted.call('/', SERVER, 'GetAllClients'), [['/clients/b']]);
});

test(
  'a client is added at run time, survives a restart, and leaves nothing when it is removed',
  needs,
  async t => {
    const store = new TestStore();
    const scene = await startScene(t, [settingsOf('a')], { store });
    const settings = new Map<string, unknown>([
      ['key_id', { signature: 's', value: keyOf('x.y').toUpperCase() }],
      ['secret', { signature: 'ay', value: Buffer.from([0xc1, 1]) }],
      ['timeout', { signature: 't', value: 7_300_000n }],
      ['interval', { signature: 's', value: 'PT1H' }],
      ['approved_by_default', { signature: 'b', value: false }],
      ['host', { signature: 's', value: 'web1' }],
    ]);
    assert.deepEqual(await scene.call('/', SERVER, 'AddClient', 'sa{sv}', 'x.y', settings), ['/clients/x_y']);
    assert.deepEqual((await scene.said()).slice(1), [
      '/ ClientAdded /clients/x_y',
      '/ old ClientAdded /clients/x_y',
    ]);
    assert.equal(await scene.get('/clients/x_y', CLIENT, 'Timeout'), 7_300_000n);
    assert.equal(await scene.get('/clients/x_y', CLIENT, 'Enabled'), true);
    assert.deepEqual(await scene.call('/', SERVER, 'AddedClients'), [['/clients/x_y']]);
    assert.equal(await scene.get('/', SERVER, 'ClientCount'), 2);
    for (const [name, key, text] of [
      ['x.y', keyOf('new'), /x\.y is there already/],
      ['x-y', keyOf('new'), /same D-Bus path as x\.y/],
      ['new', keyOf('a'), /same key ID as a$/],
    ] as const) {
      const other = new Map(settings).set('key_id', { signature: 's', value: key });
      await assert.rejects(
        scene.call('/', SERVER, 'AddClient', 'sa{sv}', name, other),
        fails('InvalidArgs', text),
      );
    }
    await scene.control.close();
    const restarted = await startScene(t, [settingsOf('a')], { store });
    assert.equal(await restarted.get('/clients/x_y', CLIENT, 'Host'), 'web1');
    assert.deepEqual(await restarted.call('/', SERVER, 'AddedClients'), [['/clients/x_y']]);
    await restarted.call('/', SERVER, 'RemoveClient', 'o', '/clients/x_y');
    assert.equal(store.stored.has('x.y'), false);
  },
);

test(
  'two clients that are added at once with one key: the first is there, and the second is refused',
  needs,
  async t => {
    const scene = await startScene(t, []);
    const settings = new Map([
      ['key_id', { signature: 's', value: keyOf('same') }],
      ['secret', { signature: 'ay', value: Buffer.from([0xc1, 1]) }],
    ]);
    scene.heart.store.isBusy = true;
    const added = ['a', 'b'].map(name => scene.call('/', SERVER, 'AddClient', 'sa{sv}', name, settings));
    const outcomes = Promise.allSettled(added);
    await scene.said();
    scene.heart.store.isBusy = false;
    scene.heart.store.finish();
    const [first, second] = await outcomes;
    assert.equal(first?.status, 'fulfilled');
    assert.ok(second?.status === 'rejected' && fails('InvalidArgs', /same key ID as a$/)(second.reason));
  },
);

test('bad settings of AddClient are refused, and nothing is added', needs, async t => {
  const scene = await startScene(t, []);
  const add = async (settings: readonly (readonly [string, string, unknown])[]) =>
    await scene.call(
      '/',
      SERVER,
      'AddClient',
      'sa{sv}',
      'a',
      new Map(settings.map(([key, signature, value]) => [key, { signature, value }])),
    );
  await assert.rejects(add([]), fails('InvalidArgs', /a: needs a key_id.*needs a secret/));
  await assert.rejects(add([['host', 'd', 1.5]]), fails('InvalidArgs', /host: has the type "d"/));
  await assert.rejects(add([['timeout', 'i', -1]]), fails('InvalidArgs', /timeout: -1 ms/));
  await assert.rejects(add([['timeout', 't', 2n ** 64n - 1n]]), fails('InvalidArgs', /timeout/));
  await assert.rejects(add([['__proto__', 's', 'x']]), fails('InvalidArgs', /__proto__/));
  assert.equal(scene.heart.registry.size, 0);
});

test('the server tells of itself, reloads, and changes its log level', needs, async t => {
  let problem: string | undefined = 'nothing is changed: 2 errors';
  const scene = await startScene(t, [], { reload: () => Promise.resolve(problem) });
  const [values] = await scene.call('/', PROPERTIES, 'GetAll', 's', SERVER);
  assert.deepEqual(
    Array.from(values as Map<string, { value: unknown }>, ([name, { value }]) => [name, value]),
    [
      ['Version', '1.2.3'],
      ['Address', ''],
      ['Port', 4711],
      ['Interface', 'eth0'],
      ['ServiceName', 'Mandos'],
      ['ClientCount', 0],
    ],
  );
  await assert.rejects(scene.call('/', SERVER, 'Reload'), fails('Failed', /2 errors/));
  problem = undefined;
  assert.deepEqual(await scene.call('/', SERVER, 'Reload'), []);
  await scene.call('/', SERVER, 'SetLogLevel', 's', 'DEBUG');
  assert.deepEqual(scene.levels, ['debug']);
  await assert.rejects(scene.call('/', SERVER, 'SetLogLevel', 's', 'loud'), fails('InvalidArgs', /critical/));
  await assert.rejects(
    scene.call('/', OLD_SERVER, 'SetLogLevel', 's', 'info'),
    fails('UnknownMethod', /SetLogLevel/),
  );
});

test('a client that gets another key by the configuration is announced as another one', needs, async t => {
  const scene = await startScene(t, [settingsOf('a')]);
  scene.heart.update('a', client => ({ ...client, settings: { ...client.settings, keyId: keyOf('new') } }));
  const said = (await scene.said()).map(line => line.split(' ').slice(0, 3).join(' '));
  assert.deepEqual(said, [
    '/ InterfacesRemoved /clients/a',
    '/ ClientRemoved /clients/a',
    '/ old ClientRemoved',
    '/ InterfacesAdded /clients/a',
    '/ ClientAdded /clients/a',
    '/ old ClientAdded',
  ]);
});

test(
  'a client that takes the path of another one, which goes after that, can still be found',
  needs,
  async t => {
    const scene = await startScene(t, [settingsOf('a.b')]);
    const { createdMs } = scene.heart.client('a.b');
    const successor = { ...scene.heart.client('a.b'), settings: settingsOf('a-b'), createdMs };
    scene.heart.registry.add(successor, { kind: 'configuration' });
    scene.heart.registry.remove('a.b', { kind: 'configuration' });
    assert.equal(await scene.get('/clients/a_b', CLIENT, 'Name'), 'a-b');
    const last = (await scene.said()).filter(line => line.startsWith('/ Client')).at(-1);
    assert.equal(last, '/ ClientAdded /clients/a_b');
  },
);

test(
  'whoever calls without end gets an answer or an error each, and the server serves on',
  needs,
  async t => {
    const scene = await startScene(t, [settingsOf('a')]);
    const before = scene.heart.client();
    const calls = Array.from({ length: 3000 }, (_, i) => {
      switch (i % 4) {
        case 0:
          return scene.set('a', 'Interval', 't', 0n);
        case 1:
          return scene.of('nobody', 'Enable');
        case 2:
          return scene.call('/', SERVER, 'AddClient', 'sa{sv}', `new${i}`, new Map());
        default:
          return scene.call('/', SERVER, 'RemoveClient', 'o', '/clients/nobody');
      }
    });
    const outcomes = await Promise.allSettled(calls);
    const errors = outcomes.map(outcome =>
      outcome.status === 'rejected' ? (outcome.reason as Error).name : 'done',
    );
    assert.deepEqual([...new Set(errors)], ['DbusError']);
    assert.equal(scene.heart.client(), before);
    assert.equal(scene.heart.registry.size, 1);
    assert.equal(await scene.get('/clients/a', CLIENT, 'Name'), 'a');
  },
);
