import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { makeRealKeys, startAvahi, startBus, startRealMandosClient } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import {
  announced,
  browse,
  INSTANCE,
  isGoodbye,
  Neighbour,
  answers,
  BROWSE,
  foreignService,
  startAdvertiser,
  stopAdvertiser,
  TYPE,
} from './neighbour.js';

const needs = requires('root', 'ip');
const needsAvahi = requires('root', 'ip', 'dbus', 'avahi');

test('Avahi on another host resolves the service over link-local addresses alone', needsAvahi, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const client = await lan.host('client');
  await startBus(client);
  await startAvahi(client);
  const child = startAdvertiser(server);
  await child.waitForOutput(/advertised as "Mandos" on eth0/);
  const found = await browse(client);
  assert.equal(found.length, 1);
  const [, device, family, name, type, , host, address, port] = found[0] ?? [];
  assert.deepEqual(
    [device, family, name, type, address, port],
    ['eth0', 'IPv6', 'Mandos', '_mandos._tcp', server.interfaces[0]?.linkLocal, '4711'],
  );
  assert.match(host ?? '', /^server-mandos-[0-9a-f]{8}\.local$/);
});

test("the original's client finds the service", requires('root', 'ip', 'mandos-client', 'gpg'), async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const client = await lan.host('client');
  const keys = await makeRealKeys(mkdtempSync(join(lan.directory, 'keys-')), 'client1', 'password');
  const child = startAdvertiser(server);
  await child.waitForOutput(/advertised as/);
  const plugin = startRealMandosClient(client, {
    keyDirectory: keys.keyDirectory,
    args: ['--interface=eth0', '--debug'],
  });
  const address = server.interfaces[0]?.linkLocal ?? '';
  await plugin.waitForOutput(new RegExp(`Mandos server "Mandos" found on .*${address}.*4711`));
});

test('a stop says goodbye for all that is its own, and for the list of types never', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const child = startAdvertiser(server);
  const first = await neighbour.hear(announced);
  await stopAdvertiser(child);
  const last = await neighbour.hear(isGoodbye);
  assert.ok(last.answers.every(({ ttl, flush }) => ttl === 0 && !flush));
  assert.deepEqual(last.answers.map(({ type, name }) => `${type} ${name}`).toSorted(), [
    `AAAA ${first.answers.find(({ type }) => type === 'AAAA')?.name}`,
    `PTR ${TYPE}`,
    `SRV ${INSTANCE}`,
    `TXT ${INSTANCE}`,
  ]);
});

test('the records are announced as RFC 6762 wants them, after three probes', needs, async t => {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  startAdvertiser(server);
  const packet = await neighbour.hear(announced);
  const probes = neighbour.packets.filter(({ type }) => type === 'query');
  assert.equal(probes.length, 3);
  for (const probe of probes) {
    assert.deepEqual(
      probe.questions.map(({ name, type }) => [name, type]),
      [[INSTANCE, 'ANY']],
    );
    assert.deepEqual(
      probe.authorities.map(({ type }) => type),
      ['SRV', 'TXT'],
    );
  }
  assert.ok(packet.answers.every(({ type, flush }) => flush === (type !== 'PTR')));
  assert.equal(packet.port, 5353);
  // Said again, since packets get lost.
  const { length } = neighbour.packets;
  await neighbour.hear(announced, length);
});

test('of two servers without Avahi, the second takes the name "Mandos #2"', needsAvahi, async t => {
  const lan = await createLan(t);
  const client = await lan.host('client');
  await startBus(client);
  await startAvahi(client);
  const first = startAdvertiser(await lan.host('first'), { port: 1111 });
  await first.waitForOutput(/advertised as "Mandos" on/);
  const second = startAdvertiser(await lan.host('second'), { port: 2222 });
  await second.waitForOutput(/warning: .*"Mandos" is another host's; trying "Mandos #2"/);
  await second.waitForOutput(/advertised as "Mandos #2" on/);
  const names = (await browse(client)).map(([, , , name, , , , , port]) => `${name} ${port}`);
  assert.deepEqual(names.toSorted(), ['Mandos #2 2222', 'Mandos 1111']);
  assert.doesNotMatch(first.output, /another host/);
  await stopAdvertiser(second);
  assert.match(second.output, /stopped: Mandos #2/);
});

test('of two servers that start at the same time, exactly one keeps the name', needs, async t => {
  const lan = await createLan(t);
  const children = [
    startAdvertiser(await lan.host('first')),
    startAdvertiser(await lan.host('second')),
    startAdvertiser(await lan.host('third')),
  ];
  const name = async (child: (typeof children)[number]) =>
    (await child.waitForOutput(/info: Zeroconf: advertised as "(.*)" on/))[1];
  const names = await Promise.all(children.map(name));
  assert.deepEqual(new Set(names), new Set(['Mandos', 'Mandos #2', 'Mandos #3']));
});

test('two interfaces on one segment do not take each other for another host', needs, async t => {
  const lan = await createLan(t);
  const child = startAdvertiser(await lan.host('server', { segments: [0, 0] }));
  await child.waitForOutput(/advertised as "Mandos" on eth0, eth1/);
  assert.doesNotMatch(child.output, /another host/);
});

test(
  'an Avahi and a server without it that start at the same time end with different names',
  needsAvahi,
  async t => {
    const lan = await createLan(t);
    const other = await lan.host('other');
    const server = await lan.host('server');
    await startBus(other);
    await startAvahi(other);
    const child = startAdvertiser(server);
    await child.waitForOutput(/without Avahi/);
    const publish = other.spawn('avahi-publish', ['-s', 'Mandos', '_mandos._tcp', '1111']);
    const last = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].at(-1)?.[1];
    const names = () => [
      last(publish.output, /Established under name '(.*)'/g),
      last(child.output, /advertised as "(.*)" on/g),
    ];
    const wanted = new Set(['Mandos', 'Mandos #2']);
    const areDistinct = () => names().every(name => wanted.has(name ?? '')) && new Set(names()).size === 2;
    while (!areDistinct()) {
      const [said, told] = [child.output.length, publish.output.length];
      await Promise.race([
        child.waitForOutput(/\n/, undefined, said),
        publish.waitForOutput(/\n/, undefined, told),
      ]);
    }
  },
);

test('a service of that name in Avahi on another host keeps it', needsAvahi, async t => {
  const lan = await createLan(t);
  const other = await lan.host('other');
  await startBus(other);
  await startAvahi(other);
  const publish = other.spawn('avahi-publish', ['-s', 'Mandos', '_mandos._tcp', '1111']);
  await publish.waitForOutput(/Established under name 'Mandos'/);
  const child = startAdvertiser(await lan.host('server'));
  await child.waitForOutput(/advertised as "Mandos #2" on/);
  await stopAdvertiser(child);
  const names = (await browse(other)).map(([, , , name]) => name);
  assert.ok(names.includes('Mandos'), names.join());
});

test('an Avahi that comes later yields the name to us', needsAvahi, async t => {
  const lan = await createLan(t);
  const child = startAdvertiser(await lan.host('server'));
  await child.waitForOutput(/advertised as "Mandos" on/);
  const other = await lan.host('other');
  await startBus(other);
  await startAvahi(other);
  const publish = other.spawn('avahi-publish', ['-s', 'Mandos', '_mandos._tcp', '1111']);
  await publish.waitForOutput(/Established under name 'Mandos #2'/);
  assert.doesNotMatch(child.output, /another host/);
});

test('a name that another host claims and defends is given up without a goodbye for it', needs, async t => {
  const lan = await createLan(t);
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const child = startAdvertiser(await lan.host('server'));
  const own = await neighbour.hear(announced);
  neighbour.say({ defend: { name: INSTANCE, answers: foreignService() } });
  neighbour.say({ response: { answers: foreignService() } });
  await child.waitForOutput(/another host on eth0 claims the name "Mandos"; probing/);
  await child.waitForOutput(/advertised as "Mandos #2" on eth0/);
  await stopAdvertiser(child);
  await neighbour.hear(answers({ type: 'PTR', data: `Mandos #2.${TYPE}`, ttl: 0 }));
  const ended = neighbour.packets
    .flatMap(packet => packet.answers)
    .filter(({ ttl, name, data }) => ttl === 0 && (name === INSTANCE || data === INSTANCE));
  const ownSrv = own.answers.find(({ type }) => type === 'SRV');
  assert.deepEqual(ended, [{ ...ownSrv, ttl: 0, flush: false }]);
});

test('a claim that nobody defends changes nothing in the end', needs, async t => {
  const lan = await createLan(t);
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const child = startAdvertiser(await lan.host('server'));
  await neighbour.hear(announced);
  neighbour.say({ response: { answers: foreignService() } });
  await child.waitForOutput(/probing for it again/);
  const { length } = neighbour.packets;
  await neighbour.hear(announced, length);
  assert.doesNotMatch(child.output, /Mandos #2/);
});

test('when another host says goodbye for our records, they are announced again', needs, async t => {
  const lan = await createLan(t);
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  startAdvertiser(await lan.host('server'));
  await neighbour.hear(announced);
  // Four answers, a second apart each, and the three announcements are over.
  while (neighbour.packets.filter(announced).length < 7) {
    const { length } = neighbour.packets;
    neighbour.say({ query: BROWSE });
    await neighbour.hear(announced, length);
  }
  const { length } = neighbour.packets;
  neighbour.say({ response: { answers: [{ name: TYPE, type: 'PTR', ttl: 0, data: INSTANCE }] } });
  await neighbour.hear(announced, length);
});

for (const { title, port, isLost } of [
  { title: 'a host whose records are later wins the tie; its claim is awaited', port: 65_535, isLost: true },
  { title: 'a host whose records are earlier loses the tie; nothing is lost on it', port: 1, isLost: false },
]) {
  test(`two probe for the name at once: ${title}`, needs, async t => {
    const lan = await createLan(t);
    const neighbour = await Neighbour.start(await lan.host('neighbour'));
    startAdvertiser(await lan.host('server'));
    await neighbour.hear(({ type }) => type === 'query');
    const [srv] = foreignService();
    assert.ok(srv?.type === 'SRV');
    const authorities = [{ ...srv, data: { ...srv.data, port } }, ...foreignService().slice(1, 2)];
    neighbour.say({ query: { questions: [{ name: INSTANCE, type: 'ANY' as 'SRV' }], authorities } });
    await neighbour.hear(announced);
    const probes = neighbour.packets.filter(({ type }) => type === 'query');
    assert.equal(probes.length > 3, isLost, `${probes.length} probes`);
  });
}
