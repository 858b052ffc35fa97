import { createSocket } from 'node:dgram';
import multicastDns from 'multicast-dns';
import { seededRandom } from '../simulation.js';

/**
 * Run in a network namespace: speaks to the multicast DNS group on eth0 without being asked, and answers nothing.
 * Argument: what to say.
 */
const GROUP = 'ff02::fb';
const SERVICE = '_mandos._tcp.local';
const random = seededRandom(1);

function randomBytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** A response header that promises `answers` records. */
function header(answers: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(0x8400, 2);
  bytes.writeUInt16BE(answers, 6);
  return bytes;
}

function* malformed(): Generator<Buffer> {
  for (let i = 0; i < 2000; i++) yield randomBytes(Math.floor(random() * 1400));
  for (let i = 0; i < 2000; i++) yield Buffer.concat([header(i), randomBytes(Math.floor(random() * 1400))]);
  yield Buffer.alloc(0);
  yield header(65_535);
  // Names that point to themselves, to each other, ahead and into the header.
  for (const pointers of [[0xc00c], [0xc00e, 0xc00c], [0xc0ff], [0xc000], [0xffff]]) {
    const names = Buffer.alloc(2 * pointers.length);
    for (const [i, pointer] of pointers.entries()) names.writeUInt16BE(pointer, 2 * i);
    yield Buffer.concat([header(1), names, Buffer.from([0, 12, 0, 1, 0, 0, 0, 120, 0, 2, 0xc0, 0x0c])]);
  }
}

/** Everything about one service. */
function service(label: string, host: string, address: string) {
  const name = `${label}.${SERVICE}`;
  return [
    { type: 'PTR' as const, name: SERVICE, ttl: 4500, data: name },
    { type: 'SRV' as const, name, ttl: 120, flush: true, data: { target: host, port: 9 } },
    { type: 'AAAA' as const, name: host, ttl: 120, flush: true, data: address },
  ];
}

/** A record with names as they are on the wire. */
function record(name: Buffer, type: number, data: Buffer): Buffer {
  const rest = Buffer.alloc(10);
  for (const [i, value] of [type, 1, 0, 10, data.length].entries()) rest.writeUInt16BE(value, 2 * i);
  return Buffer.concat([name, rest, data]);
}

function pointTo(offset: number): Buffer {
  return Buffer.from([0xc0 | (offset >> 8), offset & 0xff]);
}

/**
 * A response that announces a service, and whose other records have names at the end of one long chain of pointers:
 * more than 13 ms of decoding for 9 kB, and half a second for 65 kB.
 */
function chain(sizeBytes: number): Buffer {
  const name = Buffer.from('\x07_mandos\x04_tcp\x05local\0');
  const host = Buffer.from('\x06forged\x05local\0');
  const instance = Buffer.concat([Buffer.from('\x06forged'), pointTo(12)]);
  const links = Math.floor(Math.min(0x3f00, sizeBytes * 0.6) / 2);
  const start = 12 + name.length + 10;
  const chained = Array.from({ length: links }, (_, i) => pointTo(i === 0 ? 12 : start + 2 * (i - 1)));
  const end = pointTo(start + 2 * (links - 1));
  const records = [
    record(name, 0xff00, Buffer.concat(chained)), // a kind that nobody knows
    record(pointTo(12), 12, instance),
    record(instance, 33, Buffer.concat([Buffer.from([0, 0, 0, 0, 0, 9]), host])),
    record(host, 28, Buffer.from('fe800000000000000000000000000001', 'hex')),
  ];
  const used = records.reduce((sum, { length }) => sum + length, 12);
  const one = record(end, 12, end);
  for (let left = sizeBytes - used; left >= one.length; left -= one.length) records.push(one);
  return Buffer.concat([header(records.length), ...records]);
}

function done(error?: Error | null): never {
  if (error) throw error;
  process.stdout.write('done\n');
  process.exit();
}

const kind = process.argv[2];
const address = 'fe80::1';
if (kind === 'wrong-port') {
  const socket = createSocket({ type: 'udp6' });
  const mdns = multicastDns({ type: 'udp6', ip: GROUP, interface: '::%eth0', bind: false, socket });
  mdns.respond(service('forged', 'forged.local', address), done);
} else {
  const socket = createSocket({ type: 'udp6', reuseAddr: true });
  const mdns = multicastDns({ type: 'udp6', ip: GROUP, interface: '::%eth0', bind: `${GROUP}%eth0`, socket });
  mdns.on('ready', () => void say());
  const say = async () => {
    const sent = (send: (callback: (error: Error | null) => void) => void) =>
      new Promise<void>((resolve, reject) => send(error => (error ? reject(error) : resolve())));
    if (kind === 'malformed') {
      for (const bytes of malformed()) await sent(callback => socket.send(bytes, 5353, GROUP, callback));
    } else if (kind === 'announce') {
      await sent(callback => mdns.respond(service('announced', 'announced.local', address), callback));
    } else if (kind === 'names') {
      for (const [label, host] of [
        ['one', 'same.local'],
        ['two', 'same.local'],
        ['last', 'last.local'],
      ] as const)
        await sent(callback => mdns.respond(service(label, host, address), callback));
    } else if (kind === 'overhear') {
      mdns.on('query', ({ questions, answers }, { port }) => {
        const whence = port === 5353 ? 'group' : 'one-shot';
        const types = (questions ?? []).map(({ type }) => type).join();
        process.stdout.write(`${whence} ${types} ${(answers ?? []).length}\n`);
      });
      await sent(callback => mdns.respond(service('announced', 'announced.local', address), callback));
      process.stdout.write('announced\n');
      return; // until it is ended
    } else if (kind === 'flood') {
      for (let i = 0; i < 2000; i++) {
        const answers = Array.from({ length: 4 }, (_, j) =>
          service(`forged ${i} ${j}`, `forged-${i}-${j}.local`, `fe80::bad:${i.toString(16)}:${j}`),
        ).flat();
        await sent(callback => mdns.respond(answers, callback));
      }
    }
    if (kind === 'chains') {
      socket.removeAllListeners('message'); // else it decodes its own
      // Until it is ended.
      for (const [packet, everyMs] of [
        [chain(65_000), 100],
        [chain(8900), 10],
      ] as const)
        setInterval(() => socket.send(packet, 5353, GROUP), everyMs);
      process.stdout.write('begun\n');
      return;
    }
    done();
  };
}
