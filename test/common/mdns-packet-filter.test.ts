import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PacketFilter } from '../../common/mdns-packet-filter.js';

const LABELS = ['_mandos', 'Mandos', 'host-mandos-1'];

type Counts = [number, number, number, number];
const NAME = Buffer.from('\x07_mandos\x04_tcp\x05local\0');
/** A pointer to the name that a packet begins with. */
const POINTER = Buffer.from([0xc0, 12]);
const [PTR, TXT, A, NSEC] = [12, 16, 1, 47];

/** A packet with these counts of entries, with `body` after its header. */
function packet(counts: Counts, body: Buffer = NAME, flags = 0) {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(flags, 2);
  for (const [i, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * i);
  return Buffer.concat([header, body]);
}

function record(name: Buffer, type: number, data: Buffer): Buffer {
  const rest = Buffer.alloc(10);
  rest.writeUInt16BE(type, 0);
  rest.writeUInt16BE(1, 2);
  rest.writeUInt16BE(data.length, 8);
  return Buffer.concat([name, rest, data]);
}

function response(...records: Buffer[]): Buffer {
  return packet([0, records.length, 0, 0], Buffer.concat(records), 0x8400);
}

function query(...names: Buffer[]): Buffer {
  return packet([names.length, 0, 0, 0], Buffer.concat(names.map(name => ask(name))));
}

function ask(name: Buffer): Buffer {
  return Buffer.concat([name, Buffer.from([0, PTR, 0, 1])]);
}

const BROWSE = query(NAME);

const accepts = (bytes: Buffer) => new PacketFilter('all', LABELS, 0).accepts(bytes, 0);

test('queries and responses that name the service, the instance or the host are read', () => {
  assert.ok(accepts(query(NAME)));
  assert.ok(accepts(response(record(Buffer.from('\x06mAnDoS\0'), PTR, POINTER))));
  assert.ok(accepts(query(Buffer.from('\x0dHOST-mandos-1\x05local\0'))));
});

test('what names something else, or only looks alike, is not', () => {
  assert.ok(!accepts(query(Buffer.from('\x04_ssh\x04_tcp\x05local\0'))));
  assert.ok(!accepts(query(Buffer.from('\x08_mandos2\x04_tcp\x05local\0'))));
});

test('packets with too many entries, none, or that are no multicast DNS are not', () => {
  const names = (count: number) => query(...Array.from({ length: count }, () => NAME));
  assert.ok(accepts(names(128)));
  assert.ok(!accepts(names(129)));
  assert.ok(!accepts(packet([0, 0, 0, 0])));
  assert.ok(!accepts(packet([1, 0, 0, 0], ask(NAME), 0x2800)));
  assert.ok(!accepts(packet([1, 0, 0, 0], ask(NAME), 0x8403)));
  assert.ok(!accepts(BROWSE.subarray(0, 11)));
  assert.ok(!accepts(Buffer.concat([BROWSE, Buffer.alloc(9000)])));
});

test('who answers nothing reads responses only', () => {
  const filter = new PacketFilter('responses', LABELS, 0);
  assert.ok(!filter.accepts(BROWSE, 0));
  assert.ok(filter.accepts(response(record(NAME, PTR, POINTER)), 0));
});

test('packets that break off, or whose names are none, are not read', () => {
  const whole = response(record(NAME, PTR, POINTER));
  for (let length = 0; length < whole.length; length++)
    assert.ok(!accepts(whole.subarray(0, length)), `${length}`);
  for (const name of [
    [0xc0, 12],
    [0xc0, 14],
    [0x80, 0],
    [0xff, 0xff],
  ])
    assert.ok(!accepts(packet([1, 0, 0, 0], Buffer.concat([Buffer.from(name), NAME]))), name.join());
  assert.ok(!accepts(response(record(NAME, A, Buffer.alloc(5)))));
});

test('what a large network says is read', () => {
  // A full packet of services, and a host that tells sixteen IPv6 addresses with their reverse names.
  const services = Array.from({ length: 127 }, () => Buffer.from('\x09a service\xc0\x0c', 'latin1'));
  assert.ok(
    accepts(response(...[POINTER, ...services].map((name, i) => record(i ? POINTER : NAME, PTR, name)))),
  );
  const reverse = Buffer.from(`${'\x011'.repeat(32)}\x03ip6\x04arpa\0`);
  assert.ok(
    accepts(response(...Array.from({ length: 17 }, (_, i) => record(i ? reverse : NAME, PTR, POINTER)))),
  );
});

/** 127 records whose names lead to the end of a chain: `link` makes a part of it from where the one before is. */
function chained(links: number, link: (before: number) => Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 12;
  let next = 12 + NAME.length + 10;
  for (let i = 0; i < links; i++) {
    const part = link(at);
    at = next;
    next += part.length;
    parts.push(part);
  }
  const end = Buffer.from([0xc0 | (at >> 8), at & 0xff]);
  const hidden = record(NAME, TXT, Buffer.concat(parts));
  return response(hidden, ...Array.from({ length: 127 }, () => record(end, PTR, end)));
}

const toPointer = (offset: number) => Buffer.from([0xc0 | (offset >> 8), offset & 0xff]);

test('packets whose names lead through long chains are not read, though they are small', () => {
  const pointers = (links: number) => chained(links, toPointer);
  assert.ok(accepts(pointers(2)));
  assert.ok(!accepts(pointers(20)));
  assert.ok(!accepts(pointers(2600)));
  const labels = (count: number) =>
    response(
      record(Buffer.concat([Buffer.from('\x01a'.repeat(count)), NAME]), PTR, POINTER),
      ...Array.from({ length: 127 }, () => record(POINTER, PTR, POINTER)),
    );
  assert.ok(accepts(labels(2)));
  assert.ok(!accepts(labels(20)));
});

test('records that service discovery does not need are not looked into', () => {
  const bitmap = Buffer.concat([POINTER, Buffer.from([0, 32]), Buffer.alloc(32, 255)]);
  const bytes = response(
    record(NAME, NSEC, bitmap),
    ...[2, 5, 6, 15, 17, 35, 39, 41, 46].map(type => record(POINTER, type, bitmap)),
    record(POINTER, A, Buffer.from([192, 0, 2, 1])),
  );
  assert.ok(accepts(bytes));
  const types: number[] = [];
  for (let at = 12 + NAME.length; at < bytes.length; at += 12 + bytes.readUInt16BE(at + 8))
    types.push(bytes.readUInt16BE(at));
  assert.deepEqual(types, [...Array.from({ length: 10 }, () => 0xffff), A]);
});

test('the labels can be changed', () => {
  const filter = new PacketFilter('all', ['Mandos'], 0);
  filter.setLabels(['Mandos #2']);
  assert.ok(!filter.accepts(query(Buffer.from('\x06Mandos\0')), 0));
  assert.ok(filter.accepts(query(Buffer.from('\x09Mandos #2\0')), 0));
});

test('a neighbour who floods takes nothing from the others, and has its own share', () => {
  const filter = new PacketFilter('responses', LABELS, 0);
  const answer = response(record(NAME, PTR, POINTER));
  const count = (nowMs: number, source: string) =>
    Array.from({ length: 1000 }).filter(() => filter.accepts(answer, nowMs, source)).length;
  assert.equal(count(0, 'fe80::bad%eth0'), 20);
  assert.equal(count(0, 'fe80::1%eth0'), 20);
  assert.equal(count(1000, 'fe80::bad%eth0'), 10);
  assert.equal(count(60_000, 'fe80::bad%eth0'), 20);
});

test('made-up neighbours do not get more than all may, and are not remembered without limit', () => {
  const filter = new PacketFilter('responses', LABELS, 0);
  const answer = response(record(NAME, PTR, POINTER));
  const read = (nowMs: number, source: string) => filter.accepts(answer, nowMs, source);
  while (read(0, 'the first'));
  const count = Array.from({ length: 2000 }).filter((_, i) => read(0, `fe80::${i}`)).length;
  assert.equal(count, 80);
  const again = Array.from({ length: 1000 }).filter(() => read(100, 'the first')).length;
  assert.equal(again, 20, 'as one that was never heard');
});

test('when something was asked there is time for as many answers as after a pause', () => {
  const filter = new PacketFilter('responses', LABELS, 0);
  const answer = response(record(NAME, PTR, POINTER));
  const count = () =>
    Array.from({ length: 1000 }).filter((_, i) => filter.accepts(answer, 0, `fe80::${i}`)).length;
  assert.equal(count(), 100);
  assert.equal(count(), 0);
  filter.refill(0);
  assert.equal(count(), 100);
});

test('of a flood only so many are read a second, and none of it that is refused counts', () => {
  const filter = new PacketFilter('all', LABELS, 0);
  const count = (nowMs: number, bytes: Buffer) =>
    Array.from({ length: 1000 }).filter(() => filter.accepts(bytes, nowMs)).length;
  assert.equal(count(0, query(Buffer.from('\x05other\0'))), 0);
  assert.equal(count(0, BROWSE), 100);
  assert.equal(count(100, BROWSE), 10);
  assert.equal(count(60_000, BROWSE), 100);
  const large = Buffer.concat([BROWSE, Buffer.alloc(8900)]);
  assert.equal(count(120_000, large), 16, 'of large packets fewer');
});
