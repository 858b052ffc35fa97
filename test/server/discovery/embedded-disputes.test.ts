import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { requires } from '../../support/requires.js';
import type { Packet } from './neighbour.js';
import {
  announced,
  askUntilHeard,
  dataOf,
  foreignService,
  INSTANCE,
  Neighbour,
  ONE_SHOT,
  startAdvertiser,
} from './neighbour.js';

const needs = requires('root', 'ip');
const isUnicast = ({ unicast }: Packet) => unicast;
const names = (packet: Packet) => dataOf(packet, 'PTR').join();
const isNamed = (packet: Packet) => isUnicast(packet) && names(packet).startsWith('Mandos');
const isNamedAsHost = (packet: Packet) =>
  isUnicast(packet) && /^server-mandos-[0-9a-f]{8}\._mandos\._tcp\.local$/.test(names(packet));

test('while its name is disputed the service is found under the name of its host', needs, async t => {
  const lan = await createLan(t);
  const rival = await Neighbour.start(await lan.host('rival'));
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const child = startAdvertiser(await lan.host('server'));
  await neighbour.hear(announced);
  rival.say({ dispute: 'answers', response: { answers: foreignService() } });
  await child.waitForOutput(/claims the name "Mandos"/);
  const packet = await askUntilHeard(neighbour, ONE_SHOT, isNamedAsHost);
  const all = [...packet.answers, ...packet.additionals];
  assert.deepEqual(
    all.filter(({ type }) => type === 'SRV' || type === 'TXT').map(({ type, name }) => [type, name]),
    [
      ['SRV', names(packet)],
      ['TXT', names(packet)],
    ],
  );
  assert.ok(all.some(({ type }) => type === 'AAAA'));
  assert.ok(all.every(({ ttl, flush }) => ttl <= 10 && !flush));
  // And by its own name as soon as that is disputed no more.
  await rival.stop();
  await askUntilHeard(neighbour, ONE_SHOT, isNamed);
});

test('a server whose every name is taken from the start is found, on all its links', needs, async t => {
  const lan = await createLan(t, { segments: 2 });
  const rival = await Neighbour.start(await lan.host('rival'));
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const elsewhere = await Neighbour.start(await lan.host('elsewhere', { segments: [1] }));
  rival.say({ dispute: 'answers' });
  startAdvertiser(await lan.host('server', { segments: [0, 1] }));
  await askUntilHeard(neighbour, ONE_SHOT, isNamedAsHost);
  await askUntilHeard(elsewhere, ONE_SHOT, isNamedAsHost);
});

for (const [title, dispute] of [
  ['loses the tie at each of its probes', 'probes'],
  ['has its name claimed whenever it has one', 'claims'],
] as const) {
  test(`a server that ${title} is found`, needs, async t => {
    const lan = await createLan(t);
    const rival = await Neighbour.start(await lan.host('rival'));
    const neighbour = await Neighbour.start(await lan.host('neighbour'));
    rival.say({ dispute });
    startAdvertiser(await lan.host('server'));
    await askUntilHeard(neighbour, ONE_SHOT, isNamedAsHost);
  });
}

test(
  'a name that nobody disputes is answered to when it has been probed for, and no other is',
  needs,
  async t => {
    const lan = await createLan(t);
    const neighbour = await Neighbour.start(await lan.host('neighbour'));
    startAdvertiser(await lan.host('server'));
    await neighbour.hear(({ type }) => type === 'query');
    const packet = await askUntilHeard(neighbour, { ...ONE_SHOT, times: 10, everyMs: 50 }, isUnicast);
    assert.equal(names(packet), INSTANCE);
  },
);
