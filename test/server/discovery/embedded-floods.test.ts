import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLan } from '../../support/namespace.js';
import { requires } from '../../support/requires.js';
import { askForged } from './forged.js';
import type { Packet } from './neighbour.js';
import {
  announced,
  askUntilHeard,
  BROWSE,
  foreignService,
  Neighbour,
  ONE_SHOT,
  startAdvertiser,
} from './neighbour.js';

/** Nothing grows again here: what one host has used up, no other would have if it were the same. */
const CLOCK = 'stopped-clock';
const MDNS_PORT = 5353;
const isUnicast = ({ unicast }: Packet) => unicast;

test(
  'a neighbour who floods keeps no other from being answered or heard',
  requires('root', 'ip'),
  async t => {
    const lan = await createLan(t);
    const server = await lan.host('server');
    const flooding = await lan.host('flooding');
    const flooder = await Neighbour.start(flooding);
    const other = await Neighbour.start(await lan.host('other'));
    const child = startAdvertiser(server, {}, CLOCK);
    await other.hear(announced);
    flooder.say({ query: BROWSE, times: 200, everyMs: 2 });
    flooder.say({ ...ONE_SHOT, times: 200, everyMs: 2 });
    const fromFlooder = (isOneShot: boolean) =>
      other.packets.filter(
        ({ type, from, port }) =>
          type === 'query' &&
          from.startsWith(flooding.interfaces[0]?.linkLocal ?? '-') &&
          isOneShot === (port !== MDNS_PORT),
      );
    // More than is read of all together.
    await other.hear(() => Math.min(fromFlooder(true).length, fromFlooder(false).length) > 150);
    await askUntilHeard(other, ONE_SHOT, isUnicast);
    other.say({ response: { answers: foreignService() }, times: 5, everyMs: 100 });
    await child.waitForOutput(/claims the name "Mandos"/);
    const { length } = flooder.packets.filter(isUnicast);
    assert.ok(length > 0 && length <= 20, `${length} answers to the flood`);
  },
);

test(
  'of a hundred machines that ask at the same moment each is answered',
  requires('root', 'ip', 'python3'),
  async t => {
    const { asking, neighbour } = await setUpIpv4(t);
    await askForged(asking, '192.0.2.2', 40_000, addresses(99));
    await askUntilHeard(neighbour, ONE_SHOT, isUnicast);
  },
);

for (const [title, port] of Object.entries({ 'one-shot questions': 40_000, 'other packets': MDNS_PORT })) {
  test(
    `a flood of ${title} in the names of many hosts takes nothing from what is not`,
    requires('root', 'ip', 'python3'),
    async t => {
      const { asking, neighbour, child } = await setUpIpv4(t);
      await askForged(asking, '192.0.2.2', port, addresses(200));
      if (port === MDNS_PORT) {
        await askUntilHeard(neighbour, ONE_SHOT, isUnicast);
      } else {
        neighbour.say({ response: { answers: foreignService() }, times: 5, everyMs: 100 });
        await child.waitForOutput(/claims the name "Mandos"/);
      }
    },
  );
}

test(
  'a packet from port 0, which cannot be answered, does no harm',
  requires('root', 'ip', 'python3'),
  async t => {
    const { asking, neighbour, child } = await setUpIpv4(t);
    await askForged(asking, '192.0.2.2', 0, ['192.0.2.2', '192.0.2.3']);
    await askUntilHeard(neighbour, ONE_SHOT, isUnicast);
    assert.doesNotMatch(child.output, /Error/);
  },
);

async function setUpIpv4(t: Parameters<typeof createLan>[0]) {
  const lan = await createLan(t);
  const host = async (name: string, address: string) =>
    await lan.host(name, { addresses: { 0: [`${address}/24`] } });
  const server = await host('server', '192.0.2.1');
  const asking = await host('asking', '192.0.2.2');
  const neighbour = await Neighbour.start(await host('neighbour', '192.0.2.3'), 'eth0', '192.0.2.3');
  const child = startAdvertiser(server, { family: 'ipv4' }, CLOCK);
  await neighbour.hear(announced);
  return { asking, neighbour, child };
}

function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `192.0.2.${10 + i}`);
}
