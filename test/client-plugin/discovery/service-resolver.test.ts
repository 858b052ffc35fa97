import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GRACE_MS, LONGEST_INTERVAL_MS } from '../../../client-plugin/discovery/schedule.js';
import type { DnsRecord, Query } from '../../../client-plugin/discovery/service-resolver.js';
import {
  MAX_ADDRESSES,
  MAX_INSTANCES,
  ServiceResolver,
} from '../../../client-plugin/discovery/service-resolver.js';
import { seededRandom } from '../simulation.js';

const SERVICE = '_mandos._tcp.local';
const LINK_LOCAL = 'fe80::1';

function resolver(): ServiceResolver {
  return new ServiceResolver(0, seededRandom(1));
}

function ptr(label: string, ttlS = 4500): DnsRecord {
  return { type: 'PTR', name: SERVICE, ttlS, instance: `${label}.${SERVICE}` };
}

function srv(label: string, host = 'server.local', port = 4711, ttlS = 120): DnsRecord {
  return { type: 'SRV', name: `${label}.${SERVICE}`, ttlS, host, port };
}

function address(text: string, options: { host?: string; ttlS?: number; flush?: boolean } = {}): DnsRecord {
  const { host = 'server.local', ttlS = 120, flush = true } = options;
  return { type: text.includes(':') ? 'AAAA' : 'A', name: host, ttlS, address: text, flush };
}

/** All that a responder says of one server. */
function all(label: string, host = 'server.local', at = LINK_LOCAL): DnsRecord[] {
  return [ptr(label), srv(label, host), address(at, { host })];
}

function asked(query: Query | undefined): string[] {
  return (query?.questions ?? []).map(({ type, name }) => `${type} ${name}`);
}

function names(machine: ServiceResolver, nowMs: number): string[] {
  return machine.services(nowMs).map(({ instance }) => instance);
}

test('it asks for services at once, then after 1, 2, 4, … seconds, at last every 20', () => {
  const machine = resolver();
  const times: number[] = [];
  for (let nowMs = machine.nextMs(); nowMs < 120_000; nowMs = machine.nextMs()) {
    assert.deepEqual(asked(machine.query(nowMs)), [`PTR ${SERVICE}`]);
    times.push(nowMs / 1000);
  }
  assert.equal(LONGEST_INTERVAL_MS, 20_000);
  assert.deepEqual(times, [0, 1, 3, 7, 15, 31, 51, 71, 91, 111]);
});

test('one message with everything makes a server, in whatever order it comes', () => {
  const machine = resolver();
  machine.query(0);
  machine.receive(all('Mandos').toReversed(), 10);
  assert.deepEqual(machine.services(10), [
    { instance: 'Mandos', host: 'server.local', port: 4711, addresses: [LINK_LOCAL], isDirect: false },
  ]);
  assert.equal(machine.query(500), undefined, 'there is nothing to ask');
});

test('what an answer leaves out is asked for at once, and again with growing pauses', () => {
  const machine = resolver();
  machine.query(0);
  machine.receive([ptr('Mandos')], 100);
  assert.equal(machine.nextMs(), 100);
  assert.deepEqual(asked(machine.query(100)), [`SRV Mandos.${SERVICE}`]);
  machine.receive([srv('Mandos')], 200);
  assert.deepEqual(machine.services(200), []);
  assert.deepEqual(asked(machine.query(200)), ['AAAA server.local', 'A server.local']);
  const repeated = [];
  for (let nowMs = machine.nextMs(); nowMs < 10_000; nowMs = machine.nextMs()) {
    if (asked(machine.query(nowMs)).includes('AAAA server.local')) repeated.push(nowMs);
  }
  assert.deepEqual(repeated, [1200, 3200, 7200]);
});

test('addresses are in order of preference: link-local, other IPv6, IPv4', () => {
  const machine = resolver();
  const addresses = ['192.0.2.1', '2001:db8::1', 'fe80::1', '198.51.100.1', 'fd00::1'];
  machine.receive([ptr('M'), srv('M'), ...addresses.map(text => address(text))], 0);
  assert.deepEqual(machine.services(0)[0]?.addresses, [
    'fe80::1',
    '2001:db8::1',
    'fd00::1',
    '192.0.2.1',
    '198.51.100.1',
  ]);
});

test('names are compared without case', () => {
  const machine = resolver();
  machine.receive(
    [
      { type: 'PTR', name: '_MANDOS._tcp.Local', ttlS: 120, instance: `Mandos.${SERVICE}` },
      { type: 'SRV', name: `MANDOS.${SERVICE}`, ttlS: 120, host: 'Server.local', port: 1 },
      address(LINK_LOCAL, { host: 'sERVER.local' }),
      ptr('MANDOS'),
    ],
    0,
  );
  assert.deepEqual(names(machine, 0), ['Mandos']);
});

test('instance names may have spaces, #, other scripts and dots', () => {
  for (const label of ['Mandos #2', 'Mandos on web.example.com', 'Märchen 🏰']) {
    const machine = resolver();
    machine.receive(all(label), 0);
    assert.deepEqual(names(machine, 0), [label]);
  }
});

test('a name that cannot be put into a question is not asked for; its location comes with the next answer', () => {
  for (const label of ['a.dot', '\uFFFD', 'x'.repeat(64), '']) {
    const machine = resolver();
    machine.query(0);
    machine.receive([ptr(label)], 100);
    const again = machine.query(1000);
    assert.deepEqual(asked(again), [`PTR ${SERVICE}`], label);
    assert.deepEqual(again?.knownAnswers, [], 'so that the answer is given again');
  }
});

test('services that are known are not asked to answer again, until half their life is over', () => {
  const machine = resolver();
  machine.query(0);
  machine.receive([...all('Mandos'), ptr('without location')], 100);
  const query = machine.query(1100);
  assert.deepEqual(query?.knownAnswers, [{ instance: `Mandos.${SERVICE}`, ttlS: 4499 }]);
  let late: Query | undefined;
  for (let nowMs = machine.nextMs(); nowMs < 2_300_000; nowMs = machine.nextMs()) {
    late = machine.query(nowMs);
    if (asked(late).some(question => question.startsWith('SRV Mandos')))
      machine.receive([srv('Mandos')], nowMs);
    if (asked(late).some(question => question.startsWith('AAAA')))
      machine.receive([address(LINK_LOCAL)], nowMs);
  }
  assert.deepEqual(names(machine, 2_300_000), ['Mandos']);
  assert.deepEqual(late?.knownAnswers, []);
});

test('records are asked for again before they expire, and gone when they have', () => {
  const machine = resolver();
  machine.query(0);
  machine.receive(all('Mandos'), 0);
  const refreshed: number[] = [];
  for (let nowMs = machine.nextMs(); nowMs < 120_000; nowMs = machine.nextMs()) {
    if (asked(machine.query(nowMs)).includes(`SRV Mandos.${SERVICE}`)) refreshed.push(nowMs);
  }
  assert.equal(refreshed[0], 96_000);
  assert.deepEqual(names(machine, 119_999), ['Mandos']);
  assert.deepEqual(names(machine, 120_000), []);
});

test('the pauses between questions start anew when there was an answer', () => {
  const machine = resolver();
  const location = `SRV Mandos.${SERVICE}`;
  machine.receive([ptr('Mandos')], 0);
  const times: number[] = [];
  for (let nowMs = 0; nowMs < 105_000; nowMs = machine.nextMs()) {
    if (!asked(machine.query(nowMs)).includes(location)) continue;
    times.push(nowMs / 1000);
    if (nowMs === 3000) machine.receive([srv('Mandos')], nowMs);
  }
  assert.deepEqual(times, [0, 1, 3, 99, 100, 102]);
});

test('an answer to us alone does not shorten a life that was longer', () => {
  const machine = resolver();
  machine.receive(all('Mandos'), 0);
  machine.receive([ptr('Mandos', 10), srv('Mandos', 'server.local', 4711, 10)], 1000);
  machine.receive([address(LINK_LOCAL, { ttlS: 10, flush: false })], 1000);
  assert.deepEqual(names(machine, 60_000), ['Mandos']);
});

test('a goodbye ends a service after a second in which it is asked for', () => {
  const machine = resolver();
  for (let nowMs = machine.nextMs(); nowMs < 60_000; nowMs = machine.nextMs()) machine.query(nowMs);
  machine.receive(all('Mandos'), 60_000);
  machine.receive([ptr('Mandos', 0)], 61_000);
  assert.deepEqual(names(machine, 61_000 + GRACE_MS - 1), ['Mandos']);
  const nextMs = machine.nextMs();
  assert.ok(nextMs < 61_000 + GRACE_MS);
  assert.deepEqual(asked(machine.query(nextMs)), [`PTR ${SERVICE}`]);
  assert.deepEqual(names(machine, 61_000 + GRACE_MS), []);
});

test('a service that answers after a forged goodbye stays', () => {
  const machine = resolver();
  machine.receive(all('Mandos'), 0);
  machine.receive([ptr('Mandos', 0)], 1000);
  machine.receive([ptr('Mandos')], 1600);
  assert.deepEqual(names(machine, 5000), ['Mandos']);
});

test('the cache-flush bit replaces what was said more than a second ago, of the same type only', () => {
  const machine = resolver();
  machine.receive([...all('Mandos'), address('192.0.2.1')], 0);
  machine.receive([address('fe80::2'), address('fe80::3')], 5000);
  assert.deepEqual(machine.services(5000 + GRACE_MS)[0]?.addresses, ['fe80::2', 'fe80::3', '192.0.2.1']);
});

test('without the bit addresses are added', () => {
  const machine = resolver();
  machine.receive(all('Mandos'), 0);
  machine.receive([address('fe80::2', { flush: false })], 5000);
  assert.deepEqual(machine.services(60_000)[0]?.addresses, [LINK_LOCAL, 'fe80::2']);
});

test('a new location replaces the old one', () => {
  const machine = resolver();
  machine.receive(all('Mandos'), 0);
  machine.receive([srv('Mandos', 'other.local', 99), address('fe80::9', { host: 'other.local' })], 2000);
  assert.deepEqual(machine.services(2000), [
    { instance: 'Mandos', host: 'other.local', port: 99, addresses: ['fe80::9'], isDirect: false },
  ]);
  const questions: string[] = [];
  for (let nowMs = 2000; nowMs < 120_000; nowMs = machine.nextMs())
    questions.push(...asked(machine.query(nowMs)));
  assert.ok(questions.includes('AAAA other.local'));
  assert.ok(!questions.includes('AAAA server.local'), 'nobody is on that host any more');
});

test('what is no Mandos service, no possible address or no possible port is passed over', () => {
  const machine = resolver();
  machine.receive(
    [
      { type: 'PTR', name: '_http._tcp.local', ttlS: 120, instance: '_x._http._tcp.local' },
      { type: 'PTR', name: SERVICE, ttlS: 120, instance: 'printer._ipp._tcp.local' },
      { type: 'PTR', name: SERVICE, ttlS: 120, instance: SERVICE },
      ...all('zero port').slice(0, 1),
      srv('zero port', 'server.local', 0),
      srv('never announced'),
      ptr('here'),
      srv('here'),
      ...['::1', '::', 'ff02::fb', '::ffff:127.0.0.1', '127.0.0.1', '0.0.0.0', '224.0.0.251'].map(text =>
        address(text),
      ),
      address('fe80::7', { host: 'unrelated.local' }),
    ],
    0,
  );
  assert.deepEqual(machine.services(0), []);
  const questions: string[] = [];
  for (let nowMs = 0; nowMs < 1000; nowMs = machine.nextMs()) questions.push(...asked(machine.query(nowMs)));
  assert.ok(!questions.some(question => /printer|http|unrelated|never/.test(question)), questions.join());
});

test('a flood of services leaves alone what was found before it, and is bounded', () => {
  const machine = resolver();
  machine.receive(all('true'), 0);
  for (let i = 0; i < 5000; i++)
    machine.receive(all(`false ${i}`, `f${i}.local`, `fe80::f:${i.toString(16)}`), i);
  assert.equal(machine.services(5000).length, MAX_INSTANCES);
  assert.equal(names(machine, 5000)[0], 'true');
});

test('a server that comes after a flood is found', () => {
  const machine = resolver();
  for (let i = 0; i < 5000; i++) machine.receive(all(`false ${i}`, `f${i}.local`), i);
  machine.receive(all('true', 'true.local'), 6000);
  assert.ok(names(machine, 6000).includes('true'));
  assert.equal(machine.services(6000).length, MAX_INSTANCES);
});

test('a server that has answered us alone stays in a flood of those that are only heard of', () => {
  const machine = resolver();
  const flood = (count: number, name: string, isDirect = false) => {
    for (let i = 0; i < count; i++) machine.receive(all(`${name} ${i}`, `${name}${i}.local`), 0, isDirect);
  };
  flood(MAX_INSTANCES, 'before');
  machine.receive(all('true', 'true.local'), 0, true);
  flood(5000, 'false');
  assert.ok(names(machine, 0).includes('true'));
  assert.deepEqual(
    machine
      .services(0)
      .filter(({ isDirect }) => isDirect)
      .map(({ instance }) => instance),
    ['true'],
  );
  // Whoever answers is not safe from others who do: a later one has its chance, too.
  flood(5000, 'answer', true);
  machine.receive(all('late', 'late.local'), 0, true);
  assert.ok(names(machine, 0).includes('late'));
  machine.receive(all('heard', 'heard.local'), 0);
  assert.ok(names(machine, 0).includes('heard'));
  assert.equal(machine.services(0).length, MAX_INSTANCES);
});

test('a server that was heard of is direct from when it answers', () => {
  const machine = resolver();
  machine.receive(all('Mandos'), 0);
  machine.receive(all('Mandos'), 10, true);
  machine.receive(all('Mandos'), 20);
  assert.equal(machine.services(20)[0]?.isDirect, true);
});

test('one message with many servers drives out few others', () => {
  const machine = resolver();
  const many = (name: string) => Array.from({ length: MAX_INSTANCES }, (_, i) => all(`${name} ${i}`)).flat();
  machine.receive(many('first'), 0);
  assert.equal(
    machine.services(0).length,
    MAX_INSTANCES,
    'while there is room it may have as many as it likes',
  );
  machine.receive(many('second'), 0);
  const come = names(machine, 0).filter(name => name.startsWith('second')).length;
  assert.ok(come >= 1 && come <= 4, `${come}`);
});

test('a flood of addresses for a host leaves the first ones, and makes room when they are replaced', () => {
  const machine = resolver();
  machine.receive(all('true'), 0);
  const forged = Array.from({ length: 1000 }, (_, i) =>
    address(`fe80::f:${i.toString(16)}`, { flush: false }),
  );
  machine.receive(forged, 10);
  assert.equal(machine.services(10)[0]?.addresses.length, MAX_ADDRESSES);
  assert.equal(machine.services(10)[0]?.addresses[0], LINK_LOCAL);
  machine.receive([address('fe80::2')], 5000);
  assert.ok(machine.services(5000)[0]?.addresses.includes('fe80::2'));
});

test('a host with many addresses keeps its link-local one, though it comes last', () => {
  const machine = resolver();
  const addresses = Array.from({ length: MAX_ADDRESSES + 4 }, (_, i) => address(`192.0.2.${i + 1}`));
  machine.receive([ptr('true'), srv('true'), ...addresses, address(LINK_LOCAL)], 0);
  assert.equal(machine.services(0)[0]?.addresses.length, MAX_ADDRESSES);
  assert.equal(machine.services(0)[0]?.addresses[0], LINK_LOCAL);
});

/** A hundred addresses of the same kind as a true one. */
const FORGED = { [LINK_LOCAL]: 'fe80::f:', '2001:db8::1': '2001:db8::f:', '192.0.2.1': '198.51.100.' };

for (const own of Object.keys(FORGED)) {
  const flood = (isMeant: (kind: string) => boolean) =>
    Object.entries(FORGED)
      .filter(([kind]) => isMeant(kind))
      .flatMap(([, prefix]) => Array.from({ length: 100 }, (_, i) => `${prefix}${i + 1}`))
      .map(text => address(text, { flush: false }));
  // As an answer to us alone has it, with nothing that replaces what was said before.
  const truth = [ptr('true'), srv('true'), address(own, { ttlS: 10, flush: false })];
  const isKnown = (machine: ServiceResolver) => machine.services(0)[0]?.addresses.includes(own);

  test(`no flood of addresses for its host keeps a server at ${own} from being known when it says so`, () => {
    const machine = resolver();
    machine.receive([ptr('true'), srv('true'), ...flood(() => true)], 0);
    machine.receive(truth, 0);
    assert.ok(isKnown(machine));
  });

  test(`no flood of addresses of other kinds drives ${own} away`, () => {
    const machine = resolver();
    const others = flood(kind => kind !== own);
    machine.receive([ptr('true'), srv('true'), ...others, ...truth, ...others], 0);
    assert.ok(isKnown(machine));
  });
}

test('during a flood it asks each second, so that what was dropped says itself again', () => {
  const machine = resolver();
  const times: number[] = [];
  for (let nowMs = 0; nowMs < 120_000; nowMs += 50) {
    machine.receive([ptr(`false ${nowMs}`)], nowMs);
    if (asked(machine.query(nowMs)).includes(`PTR ${SERVICE}`)) times.push(nowMs);
  }
  const gaps = times.slice(1).map((atMs, i) => atMs - (times[i] ?? 0));
  assert.ok(Math.max(...gaps.slice(4)) <= 2000, gaps.join());
  assert.ok(Math.min(...gaps) >= 1000, gaps.join());
});

test('however fast false services come, questions are few and messages small', () => {
  const machine = resolver();
  let messages = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs++) {
    machine.receive([ptr(`false ${nowMs}`), ptr(`also ${nowMs}`), ptr('false 1', 0)], nowMs);
    const query = machine.query(nowMs);
    if (!query) continue;
    messages++;
    assert.ok(query.questions.length <= 9 && query.knownAnswers.length <= 8);
  }
  assert.ok(messages <= 500, `${messages} messages in 10 s`);
});
