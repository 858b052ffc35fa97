import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLan } from '../../support/namespace.js';
import { requires } from '../../support/requires.js';
import type { DnsRecord } from '../../../server/discovery/records.js';
import type { Command } from './neighbour.js';
import {
  announced,
  BROWSE,
  INSTANCE,
  foreignService,
  isGoodbye,
  Neighbour,
  startAdvertiser,
  stopAdvertiser,
  TYPE,
} from './neighbour.js';

const needs = requires('root', 'ip');
type Setup = Awaited<ReturnType<typeof setUp>>;

async function setUp(t: Parameters<typeof createLan>[0]) {
  const lan = await createLan(t);
  const server = await lan.host('server');
  const neighbour = await Neighbour.start(await lan.host('neighbour'));
  const startedMs = performance.now();
  const child = startAdvertiser(server);
  await neighbour.hear(announced);
  return { lan, server, neighbour, startedMs, child };
}

/** Stops the server and counts what it multicast before its goodbye. */
async function countResponses({ neighbour, child }: Setup): Promise<number> {
  await stopAdvertiser(child);
  await neighbour.hear(isGoodbye);
  return neighbour.packets.filter(({ type, unicast }) => type === 'response' && !unicast).length - 1;
}

/** What the protocol allows in the time since the start: an answer a second, and the three announcements. */
function allowedResponses({ startedMs }: Setup): number {
  return 3 + Math.ceil((performance.now() - startedMs) / 1000);
}

/** Waits until the server answers a question, as it does when it has got through all before. */
async function askAndHear({ neighbour }: Setup): Promise<void> {
  const { length } = neighbour.packets;
  neighbour.say({ query: BROWSE });
  await neighbour.hear(announced, length);
}

const FLOODS: Record<string, Command> = {
  'one packet with 100 times the same question': {
    query: { questions: Array.from({ length: 100 }, () => BROWSE.questions[0]!) },
  },
  'one packet with 400 times the same question': {
    query: { questions: Array.from({ length: 400 }, () => BROWSE.questions[0]!) },
  },
  'a thousand packets with the same question': { query: BROWSE, times: 1000 },
  'the same question again and again for seconds': { query: BROWSE, times: 1000, everyMs: 3 },
  'a thousand packets with a question of each kind': {
    query: {
      questions: [
        ...BROWSE.questions,
        { name: INSTANCE, type: 'SRV' },
        { name: INSTANCE, type: 'ANY' as 'TXT' },
        { name: '_services._dns-sd._udp.local', type: 'PTR' },
      ],
    },
    times: 1000,
  },
  'a hundred packets with two hundred services each': {
    response: {
      answers: Array.from({ length: 200 }, (_, i) => ({
        name: TYPE,
        type: 'PTR' as const,
        ttl: 120,
        data: `s${i}.${TYPE}`,
      })),
    },
    times: 100,
  },
  'five hundred packets of garbage that mention the service': {
    raw: `000000000001000000000000${Buffer.from('\x07_mandos\xff\xc0\x0c').toString('hex')}`,
    times: 500,
  },
};

for (const [name, flood] of Object.entries(FLOODS)) {
  test(`${name}: no more answers than one a second, and the service lives on`, needs, async t => {
    const setup = await setUp(t);
    setup.neighbour.say(flood);
    await askAndHear(setup);
    if (flood.everyMs !== undefined) await sleep(flood.everyMs * (flood.times ?? 1));
    const count = await countResponses(setup);
    const allowed = allowedResponses(setup);
    assert.ok(count <= allowed, `${count} answers, ${allowed} allowed`);
    assert.doesNotMatch(setup.child.output, /warning|error/);
  });
}

test(
  'a flood of claims of the name from one who does not defend it: probes at their pace, nothing faster',
  needs,
  async t => {
    const setup = await setUp(t);
    const { neighbour, startedMs, child } = setup;
    neighbour.say({ response: { answers: foreignService() }, times: 500 });
    await child.waitForOutput(/claims the name|another host's/);
    const { length } = neighbour.packets;
    await neighbour.hear(({ type }) => type === 'response', length);
    await stopAdvertiser(child);
    const sent = neighbour.packets.length;
    const allowed = 8 + 4 * Math.ceil((performance.now() - startedMs) / 1000);
    assert.ok(sent <= allowed, `${sent} packets, ${allowed} allowed`);
  },
);

test('a flood of probes for the name is answered four times a second at most', needs, async t => {
  const setup = await setUp(t);
  const { neighbour, startedMs } = setup;
  const probe = {
    questions: [{ name: INSTANCE, type: 'ANY' as 'SRV' }],
    authorities: foreignService().slice(0, 1),
  };
  const { length } = neighbour.packets;
  neighbour.say({ query: probe, times: 1000, everyMs: 3 });
  await neighbour.hear(announced, length);
  await sleep(3000);
  const count = await countResponses(setup);
  const allowed = 3 + 4 * Math.ceil((performance.now() - startedMs) / 1000);
  assert.ok(count <= allowed, `${count} answers, ${allowed} allowed`);
});

test('who knows the answer already is not answered', needs, async t => {
  const setup = await setUp(t);
  const { neighbour } = setup;
  // Past the announcements.
  while (neighbour.packets.filter(announced).length < 7) await askAndHear(setup);
  const before = neighbour.packets.length;
  const known: DnsRecord[] = [{ name: TYPE, type: 'PTR', ttl: 4000, data: INSTANCE }];
  neighbour.say({ query: { ...BROWSE, answers: known } });
  neighbour.say({ query: { questions: [{ name: 'other.local', type: 'A' }] } });
  neighbour.say({ query: { questions: [{ name: '_ssh._tcp.local', type: 'PTR' }] } });
  // Well past the time after which an answer would come.
  await sleep(2000);
  assert.equal(neighbour.packets.slice(before).filter(announced).length, 0);
  // One whose knowledge is about to end is answered.
  const { length } = neighbour.packets;
  neighbour.say({ query: { ...BROWSE, answers: [{ ...known[0], ttl: 2000 } as DnsRecord] } });
  await neighbour.hear(announced, length);
});

test(
  'a query from another port gets the whole answer, alone, as from an ordinary name server',
  needs,
  async t => {
    const { neighbour } = await setUp(t);
    neighbour.say({ legacyQuery: { id: 4711, ...BROWSE } });
    const packet = await neighbour.hear(({ unicast }) => unicast);
    assert.equal(packet.id, 4711);
    assert.deepEqual(
      packet.questions.map(({ name, type }) => [name, type]),
      [[TYPE, 'PTR']],
    );
    assert.deepEqual(
      packet.answers.map(({ type, data }) => [type, data]),
      [['PTR', INSTANCE]],
    );
    const all = [...packet.answers, ...packet.additionals];
    assert.ok(all.every(({ ttl, flush }) => ttl <= 10 && !flush));
    for (const type of ['SRV', 'TXT', 'AAAA'])
      assert.ok(
        all.some(record => record.type === type),
        type,
      );
  },
);

test('of a flood of queries from another port only some are answered', needs, async t => {
  const setup = await setUp(t);
  const { neighbour, startedMs } = setup;
  // Over some time: the kernel drops what comes all at once, the few answers among it.
  neighbour.say({ legacyQuery: { id: 1, ...BROWSE }, times: 1000, everyMs: 3 });
  await neighbour.hear(({ unicast }) => unicast);
  await countResponses(setup);
  const count = neighbour.packets.filter(({ unicast }) => unicast).length;
  const allowed = 20 + 10 * Math.ceil((performance.now() - startedMs) / 1000);
  assert.ok(count <= allowed, `${count} answers, ${allowed} allowed`);
});

test('a claim from another port than multicast DNS has is no claim', needs, async t => {
  const setup = await setUp(t);
  const { neighbour, child } = setup;
  neighbour.say({ legacyResponse: { answers: foreignService() } });
  await askAndHear(setup);
  await askAndHear(setup);
  assert.doesNotMatch(child.output, /claims the name/);
});
