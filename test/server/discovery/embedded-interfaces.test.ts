import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import type { Host } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import { startAvahi, startBus } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import type { Packet } from './neighbour.js';
import {
  announced,
  answers,
  BROWSE,
  browse,
  dataOf,
  isGoodbye,
  Neighbour,
  startAdvertiser,
  stopAdvertiser,
} from './neighbour.js';

const needs = requires('root', 'ip');

function ip(host: Host, words: string): string {
  return execFileSync('ip', ['-n', host.namespace, ...words.split(' ')], { encoding: 'utf8' });
}

/** All addresses that packets tell. */
function addressesIn(packets: readonly Packet[]): Set<unknown> {
  return new Set(packets.flatMap(packet => [...dataOf(packet, 'AAAA'), ...dataOf(packet, 'A')]));
}

test('each of two interfaces tells its own addresses only', needs, async t => {
  const lan = await createLan(t, { segments: 2 });
  const server = await lan.host('server', {
    segments: [0, 1],
    addresses: { 0: ['192.0.2.1/24', '2001:db8::1/64'], 1: ['198.51.100.1/24'] },
  });
  const here = await Neighbour.start(await lan.host('here', { segments: [0] }));
  const there = await Neighbour.start(await lan.host('there', { segments: [1] }));
  const child = startAdvertiser(server);
  await child.waitForOutput(/advertised as "Mandos" on eth0, eth1/);
  for (const neighbour of [here, there]) {
    const { length } = neighbour.packets;
    neighbour.say({ query: BROWSE });
    await neighbour.hear(announced, length);
  }
  await stopAdvertiser(child);
  await here.hear(isGoodbye);
  await there.hear(isGoodbye);
  const [eth0, eth1] = server.interfaces;
  assert.deepEqual(addressesIn(here.packets), new Set([eth0?.linkLocal, '2001:db8::1', '192.0.2.1']));
  assert.deepEqual(addressesIn(there.packets), new Set([eth1?.linkLocal, '198.51.100.1']));
});

test('only the interface asked for is used, and family ipv4 means no IPv6 at all', needs, async t => {
  const lan = await createLan(t, { segments: 2 });
  const server = await lan.host('server', {
    segments: [0, 1],
    addresses: { 0: ['192.0.2.1/24'], 1: ['198.51.100.1/24'] },
  });
  const addresses = { 0: ['192.0.2.2/24'] };
  const host = await lan.host('here', { segments: [0], addresses });
  const overIpv4 = await Neighbour.start(host, 'eth0', '192.0.2.2');
  const overIpv6 = await Neighbour.start(host);
  const there = await Neighbour.start(await lan.host('there', { segments: [1] }));
  const child = startAdvertiser(server, { interface: 'eth0', family: 'ipv4' });
  const packet = await overIpv4.hear(announced);
  assert.deepEqual(dataOf(packet, 'A'), ['192.0.2.1']);
  assert.deepEqual(dataOf(packet, 'AAAA'), []);
  await stopAdvertiser(child);
  await overIpv4.hear(isGoodbye);
  assert.deepEqual([...overIpv6.packets, ...there.packets], []);
});

test('a service bound to one address tells that address, where it is', needs, async t => {
  const lan = await createLan(t, { segments: 2 });
  const server = await lan.host('server', { segments: [0, 1], addresses: { 0: ['2001:db8::1/64'] } });
  const here = await Neighbour.start(await lan.host('here', { segments: [0] }));
  const there = await Neighbour.start(await lan.host('there', { segments: [1] }));
  const child = startAdvertiser(server, { address: '2001:DB8:0::1' });
  await child.waitForOutput(/advertised as "Mandos" on eth0$/m);
  await stopAdvertiser(child);
  await here.hear(isGoodbye);
  assert.deepEqual(addressesIn(here.packets), new Set(['2001:db8::1']));
  assert.deepEqual(there.packets, []);
});

test('an address that comes is announced, one that goes is taken back', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  startAdvertiser(server);
  await neighbour.hear(announced);
  ip(server, 'address add 2001:db8::1/64 dev eth0 nodad');
  await neighbour.hear(answers({ type: 'AAAA', data: '2001:db8::1', ttl: 120 }));
  ip(server, 'address delete 2001:db8::1/64 dev eth0');
  const packet = await neighbour.hear(answers({ type: 'AAAA', data: '2001:db8::1', ttl: 0 }));
  const others = packet.answers.filter(({ data }) => data !== '2001:db8::1');
  assert.ok(others.length > 0 && others.every(({ ttl }) => ttl > 0));
});

test(
  'IPv4 is used besides IPv6 as soon as there is an address, and other subnets are not heard',
  needs,
  async t => {
    const lan = await createLan(t);
    const server = await lan.host('server');
    const near = await lan.host('near', { addresses: { 0: ['192.0.2.2/24'] } });
    const far = await lan.host('far', { addresses: { 0: ['203.0.113.2/24'] } });
    const heardNear = await Neighbour.start(near, 'eth0', '192.0.2.2');
    const heardFar = await Neighbour.start(far, 'eth0', '203.0.113.2');
    startAdvertiser(server);
    ip(server, 'address add 192.0.2.1/24 dev eth0');
    const packet = await heardNear.hear(announced);
    assert.deepEqual(dataOf(packet, 'A'), ['192.0.2.1']);
    assert.deepEqual(dataOf(packet, 'AAAA'), [server.interfaces[0]?.linkLocal]);
    // Were a stranger's claim believed, the name would be probed for.
    const claim = [
      {
        name: packet.answers.find(({ type }) => type === 'SRV')?.name ?? '',
        type: 'SRV' as const,
        ttl: 120,
        data: { target: 'x.local', port: 1 },
      },
    ];
    heardFar.say({ response: { answers: claim } });
    await heardNear.hear(({ from }) => from === '203.0.113.2');
    heardNear.say({ query: BROWSE });
    const { length } = heardNear.packets;
    await heardNear.hear(announced, length);
    assert.ok(heardNear.packets.slice(length).every(({ type }) => type === 'response'));
  },
);

test('an interface that is pulled out and created again is advertised on again', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const child = startAdvertiser(server);
  await neighbour.hear(announced);
  const [link] = server.interfaces;
  await link?.remove();
  await child.waitForOutput(/not advertised: no network interface is up/);
  await link?.create();
  const address = await link?.waitForLinkLocal();
  const packet = await neighbour.hear(answers({ type: 'AAAA', data: address ?? '' }));
  assert.deepEqual(dataOf(packet, 'AAAA'), [address]);
  await stopAdvertiser(child);
});

test('an interface created again between two looks, with the same addresses, is noticed', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  // By the end of the announcements the next look is just over.
  startAdvertiser(server);
  while (neighbour.packets.filter(announced).length < 3)
    await neighbour.hear(announced, neighbour.packets.length);
  const [link] = server.interfaces;
  const address = link?.linkLocal;
  const hardware = ip(server, 'link show dev eth0').match(/ether (\S+)/)?.[1];
  await link?.remove();
  await link?.create({ up: false });
  ip(server, `link set eth0 address ${hardware}`);
  await link?.up();
  assert.equal(await link?.waitForLinkLocal(), address);
  const { length } = neighbour.packets;
  await neighbour.hear(announced, length);
});

test('an interface that goes down and up, or loses its carrier, works again', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const child = startAdvertiser(server);
  const [link] = server.interfaces;
  await neighbour.hear(announced);
  for (const [off, on] of [
    ['down', 'up'],
    ['unplug', 'plug'],
  ] as const) {
    const said = child.output.length;
    await link?.[off]();
    await child.waitForOutput(/not advertised/, undefined, said);
    const { length } = neighbour.packets;
    await link?.[on]();
    await neighbour.hear(announced, length);
    await child.waitForOutput(/advertised as "Mandos" on eth0/, undefined, said);
  }
});

test('a server started before there is any network advertises when it comes up', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server', { up: false });
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const child = startAdvertiser(server, { interface: 'eth0' });
  await child.waitForOutput(
    /warning: Zeroconf: not advertised: eth0 is down or has no carrier; still trying/,
  );
  await server.interfaces[0]?.up();
  await neighbour.hear(announced);
});

test(
  'an Avahi that wants the port for itself is named in the log, and outlived',
  requires('root', 'ip', 'dbus', 'avahi'),
  async t => {
    const lan = await createLan(t);
    const server = await lan.host('server');
    const client = await lan.host('client');
    await startBus(client);
    await startAvahi(client);
    // Not on the bus that the server looks at.
    await startBus(server);
    const avahi = await startAvahi(server, { config: ['disallow-other-stacks=yes', 'enable-dbus=no'] });
    const child = startAdvertiser(server);
    await child.waitForOutput(/cannot advertise on eth0 over IPv6: .*disallow-other-stacks/);
    await avahi.stop();
    await child.waitForOutput(/advertised as "Mandos" on eth0/);
    assert.equal((await browse(client)).length, 1);
    assert.equal(child.output.match(/disallow-other-stacks/g)?.length, 1);
  },
);
