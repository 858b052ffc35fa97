import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordsAskedFor } from '../../../server/discovery/query.js';
import type { DnsRecord, Question } from '../../../server/discovery/records.js';
import {
  compareProbes,
  isConflict,
  isSameRecord,
  serviceRecords,
  toWire,
  uniqueRecords,
} from '../../../server/discovery/records.js';

const identity = { instance: 'Mandos', host: 'server-mandos-1', port: 4711 };
const records = serviceRecords(identity, [
  { family: 'ipv6', address: 'fe80::1' },
  { family: 'ipv4', address: '192.0.2.1' },
]);
const INSTANCE = 'Mandos._mandos._tcp.local';

function srv(data: { target?: string; port?: number; priority?: number; weight?: number }): DnsRecord {
  const whole = { priority: 0, weight: 0, port: 4711, target: 'server-mandos-1.local', ...data };
  return { name: INSTANCE, type: 'SRV', ttl: 120, data: whole };
}

function asked(question: { name: string; type: string; class?: string }, known: DnsRecord[] = []): string[] {
  return recordsAskedFor(records, [question as Question], known).map(({ type }) => type);
}

test('a question gets the records of its name and type, in any case', () => {
  assert.deepEqual(asked({ name: '_MANDOS._tcp.local', type: 'PTR' }), ['PTR']);
  assert.deepEqual(asked({ name: '_services._dns-sd._udp.local', type: 'PTR' }), ['PTR']);
  assert.deepEqual(asked({ name: 'mandos._mandos._tcp.LOCAL', type: 'ANY' }), ['SRV', 'TXT']);
  assert.deepEqual(asked({ name: 'server-mandos-1.local', type: 'AAAA' }), ['AAAA']);
  assert.deepEqual(asked({ name: 'server-mandos-1.local', type: 'ANY' }), ['AAAA', 'A']);
  assert.deepEqual(asked({ name: 'Mandos', type: 'ANY' }), []);
  assert.deepEqual(asked({ name: '_mandos._tcp.local', type: 'SRV' }), []);
});

test('a question may ask for a unicast answer, but not in another class', () => {
  const question = { name: INSTANCE, type: 'SRV' };
  for (const name of ['IN', 'ANY', 'UNKNOWN_32769', 'UNKNOWN_33023']) {
    assert.deepEqual(asked({ ...question, class: name }), ['SRV'], name);
  }
  assert.deepEqual(asked({ ...question, class: 'CH' }), []);
});

test('the same question asked often gets each record once', () => {
  const question: Question = { name: '_mandos._tcp.local', type: 'PTR' };
  assert.equal(recordsAskedFor(records, [question, question, question], []).length, 1);
});

test('what the asker has, and for half its time at least, is left out', () => {
  const question = { name: '_mandos._tcp.local', type: 'PTR' };
  const known: DnsRecord = { name: '_mandos._tcp.local', type: 'PTR', ttl: 2250, data: INSTANCE };
  assert.deepEqual(asked(question, [known]), []);
  assert.deepEqual(asked(question, [{ ...known, ttl: 2249 }]), ['PTR']);
  assert.deepEqual(asked(question, [{ ...known, data: 'Other._mandos._tcp.local' }]), ['PTR']);
});

test('only a living SRV record with other data proves another host with the name', () => {
  assert.equal(isConflict(identity, srv({})), false);
  assert.equal(isConflict(identity, srv({ target: 'SERVER-mandos-1.local' })), false);
  assert.equal(isConflict(identity, srv({ target: 'other.local' })), true);
  assert.equal(isConflict(identity, srv({ port: 9 })), true);
  assert.equal(isConflict(identity, { ...srv({ port: 9 }), ttl: 0 } as DnsRecord), false);
  assert.equal(isConflict(identity, { ...srv({ port: 9 }), name: 'Mandos #2._mandos._tcp.local' }), false);
  assert.equal(
    isConflict(identity, {
      name: '_mandos._tcp.local',
      type: 'PTR',
      ttl: 120,
      data: 'Other._mandos._tcp.local',
    }),
    false,
  );
});

test('records are compared by their data, TXT records by their strings', () => {
  const [, txt] = uniqueRecords(identity);
  assert.ok(txt);
  const like = (data: unknown) => ({ name: INSTANCE, type: 'TXT', ttl: 1, data }) as DnsRecord;
  assert.equal(isSameRecord(txt, like([])), true);
  assert.equal(isSameRecord(txt, like([Buffer.alloc(0)])), true);
  assert.equal(isSameRecord(txt, like([Buffer.from('key=value')])), false);
});

test('of two that probe at once the lexicographically later wins, and each sees the same', () => {
  const other = { instance: 'Mandos', host: 'other-mandos-2', port: 4711 };
  const probe = (of: typeof identity) => toWire(uniqueRecords(of));
  assert.equal(compareProbes(identity, probe(identity)), 0);
  const [ours, theirs] = [compareProbes(identity, probe(other)), compareProbes(other, probe(identity))];
  assert.equal(Math.sign(ours), -Math.sign(theirs));
  assert.notEqual(ours, 0);
  // A higher port is later: it comes before the target in the record (RFC 2782).
  assert.ok(compareProbes({ ...identity, port: 4712 }, probe(other)) > 0);
  // The number of the type comes first: 16 of TXT before 33 of SRV.
  assert.ok(compareProbes(identity, [srv({ port: 1 })]) < 0);
  // More records are later than the same and no more.
  assert.ok(compareProbes(identity, probe(identity).slice(1)) > 0);
});
