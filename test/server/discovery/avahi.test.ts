import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Host } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import { startAvahi, startBus } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import { announced, browse, isGoodbye, Neighbour, startAdvertiser, stopAdvertiser } from './neighbour.js';

const needs = requires('root', 'ip', 'dbus', 'avahi');

async function startAvahiHost(host: Host) {
  const bus = await startBus(host);
  return { bus: bus.child, avahi: await startAvahi(host) };
}

test('where Avahi runs it advertises, over both families, and says goodbye at the stop', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server', { addresses: { 0: ['192.0.2.1/24'] } });
  const client = await lan.host('client', { addresses: { 0: ['192.0.2.2/24'] } });
  await startAvahiHost(server);
  await startAvahiHost(client);
  const neighbour = await Neighbour.start(client);
  const child = startAdvertiser(server);
  await child.waitForOutput(/info: Zeroconf: advertised as "Mandos" through Avahi/);
  const found = await browse(client);
  assert.deepEqual(
    new Set(found.map(([, , family, name, , , host, , port]) => [family, name, host, port].join(' '))),
    new Set(['IPv4 Mandos server.local 4711', 'IPv6 Mandos server.local 4711']),
  );
  await stopAdvertiser(child);
  await neighbour.hear(isGoodbye);
  assert.doesNotMatch(child.output, /without Avahi/);
});

test('family ipv4 and one interface are passed on to Avahi', needs, async t => {
  const lan = await createLan(t, { segments: 2 });
  const addresses = { 0: ['192.0.2.1/24'], 1: ['198.51.100.1/24'] };
  const server = await lan.host('server', { segments: [0, 1], addresses });
  const client = await lan.host('client', {
    segments: [0, 1],
    addresses: { 0: ['192.0.2.2/24'], 1: ['198.51.100.2/24'] },
  });
  await startAvahiHost(server);
  await startAvahiHost(client);
  const child = startAdvertiser(server, { interface: 'eth1', family: 'ipv4' });
  await child.waitForOutput(/through Avahi/);
  const found = await browse(client);
  assert.deepEqual(
    found.map(([, device, family]) => [device, family]),
    [['eth1', 'IPv4']],
  );
});

test(
  'a named interface that comes later, and is created again, is registered with its index',
  needs,
  async t => {
    const lan = await createLan(t);
    const server = await lan.host('server');
    const [link] = server.interfaces;
    await link?.remove();
    const neighbour = await Neighbour.start(await lan.host('neighbour'));
    await startAvahiHost(server);
    const child = startAdvertiser(server, { interface: 'eth0' });
    await child.waitForOutput(/warning: Zeroconf: eth0 is not there; waiting/);
    for (let i = 0; i < 2; i++) {
      const { length } = neighbour.packets;
      await link?.create();
      await neighbour.hear(announced, length);
      await link?.remove();
    }
  },
);

for (const [title, startOther] of Object.entries({
  'on this host': async (server: Host) => server,
  'on another host': async (_: Host, other: Host) => {
    await startAvahiHost(other);
    return other;
  },
})) {
  test(`a name that another program ${title} has in Avahi is followed by "Mandos #2"`, needs, async t => {
    const lan = await createLan(t);
    const server = await lan.host('server');
    await startAvahiHost(server);
    const other = await startOther(server, await lan.host('other'));
    const publish = other.spawn('avahi-publish', ['-s', 'Mandos', '_mandos._tcp', '1111']);
    await publish.waitForOutput(/Established under name 'Mandos'/);
    const child = startAdvertiser(server);
    await child.waitForOutput(/warning: .*"Mandos" is another host's; trying "Mandos #2"/);
    await child.waitForOutput(/advertised as "Mandos #2" through Avahi/);
    await stopAdvertiser(child);
    assert.match(child.output, /stopped: Mandos #2/);
  });
}

test('through Avahi the name of a server without Avahi is respected too', needs, async t => {
  const lan = await createLan(t);
  const first = startAdvertiser(await lan.host('first'));
  await first.waitForOutput(/advertised as "Mandos" on eth0/);
  const server = await lan.host('server');
  await startAvahiHost(server);
  const second = startAdvertiser(server);
  await second.waitForOutput(/advertised as "Mandos #2" through Avahi/);
  assert.doesNotMatch(first.output, /another host/);
});

test(
  'Avahi killed: advertised without it; Avahi back: through it again, under the same name',
  needs,
  async t => {
    const lan = await createLan(t);
    const server = await lan.host('server');
    const client = await lan.host('client');
    const { avahi } = await startAvahiHost(server);
    await startAvahiHost(client);
    const child = startAdvertiser(server);
    await child.waitForOutput(/through Avahi/);
    avahi.kill();
    await avahi.exited;
    await child.waitForOutput(/warning: Zeroconf: Avahi is not running/);
    await child.waitForOutput(/advertised as "Mandos" on eth0/);
    assert.ok(
      (await browse(client)).some(([, , , name, , , host]) => name === 'Mandos' && host !== 'server.local'),
    );
    const said = child.output.length;
    await startAvahi(server);
    await child.waitForOutput(/advertised as "Mandos" through Avahi/, undefined, said);
    assert.ok(
      (await browse(client)).some(([, , , name, , , host]) => name === 'Mandos' && host === 'server.local'),
    );
    assert.doesNotMatch(child.output, /another host/);
  },
);

test('Avahi restarted: registered again', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const { avahi } = await startAvahiHost(server);
  const child = startAdvertiser(server);
  await child.waitForOutput(/through Avahi/);
  const said = child.output.length;
  await avahi.stop();
  await startAvahi(server);
  await child.waitForOutput(/advertised as "Mandos" through Avahi/, undefined, said);
});

test('the bus gone: advertised without Avahi; bus and Avahi back: through it again', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const { avahi, bus } = await startAvahiHost(server);
  const child = startAdvertiser(server);
  await child.waitForOutput(/through Avahi/);
  const said = child.output.length;
  bus.kill();
  await avahi.stop();
  await child.waitForOutput(/warning: Zeroconf: no connection to the D-Bus message bus/);
  await child.waitForOutput(/advertised as "Mandos" on eth0/);
  await startAvahiHost(server);
  await child.waitForOutput(/advertised as "Mandos" through Avahi/, undefined, said);
});

test('bus and Avahi that start after the server are moved to', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const child = startAdvertiser(server);
  await child.waitForOutput(/advertised as "Mandos" on eth0/);
  await startAvahiHost(server);
  await child.waitForOutput(/advertised as "Mandos" through Avahi/);
  assert.doesNotMatch(child.output, /another host/);
});

test('an Avahi that does not answer does not keep the server from advertising', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const { avahi } = await startAvahiHost(server);
  // The signal goes to `ip netns exec` and what it became: the daemon.
  avahi.signal('SIGSTOP');
  const child = startAdvertiser(server);
  await child.waitForOutput(/advertised as "Mandos" on eth0/);
  avahi.signal('SIGCONT');
  await child.waitForOutput(/advertised as "Mandos" through Avahi/);
});

test(
  'an Avahi that hangs while it advertises is done without until it answers again, under the same name',
  needs,
  async t => {
    const lan = await createLan(t);
    const server = await lan.host('server');
    const client = await lan.host('client');
    const { avahi } = await startAvahiHost(server);
    await startAvahiHost(client);
    const child = startAdvertiser(server);
    await child.waitForOutput(/advertised as "Mandos" through Avahi/);
    avahi.signal('SIGSTOP');
    await child.waitForOutput(/warning: Zeroconf: Avahi does not answer/);
    await child.waitForOutput(/advertised as "Mandos" on eth0/);
    assert.ok(
      (await browse(client)).some(([, , , name, , , host]) => name === 'Mandos' && host !== 'server.local'),
    );
    const said = child.output.length;
    avahi.signal('SIGCONT');
    await child.waitForOutput(/advertised as "Mandos" through Avahi/, undefined, said);
    assert.ok(
      (await browse(client)).some(([, , , name, , , host]) => name === 'Mandos' && host === 'server.local'),
    );
  },
);

test('a bus that hangs is not taken for an Avahi that does: that is announcing still', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const { bus } = await startAvahiHost(server);
  const child = startAdvertiser(server);
  await child.waitForOutput(/through Avahi/);
  bus.signal('SIGSTOP');
  await child.waitForOutput(/debug: Zeroconf: D-Bus: org\.freedesktop\.DBus did not answer Ping/);
  bus.signal('SIGCONT');
  await stopAdvertiser(child);
  assert.doesNotMatch(child.output, /does not answer|without Avahi|on eth0/);
});

test('an Avahi that refuses is done without', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const policy = join(server.runDirectory, 'refusing.conf');
  writeFileSync(
    policy,
    `<busconfig><policy context="default">
      <allow own="org.freedesktop.Avahi"/><allow send_destination="org.freedesktop.Avahi"/>
      <deny send_interface="org.freedesktop.Avahi.Server" send_member="EntryGroupNew"/>
    </policy></busconfig>`,
  );
  await startBus(server, { policies: [policy] });
  await startAvahi(server);
  const child = startAdvertiser(server);
  await child.waitForOutput(/warning: Zeroconf: D-Bus: .*; advertising without Avahi/);
  await child.waitForOutput(/advertised as "Mandos" on eth0/);
});
