/* Packets that reach a client which looks for servers: client-plugin/discovery, from the socket to the servers. */
import { check } from './expected.js';
import { deliver, keepDatagramsInMemory } from './memory-datagrams.js';
import { settle } from './tls-outcome.js';
import { packetInput, readPackets } from './packets.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: [
    'client-plugin/discovery/',
    'common/mdns-',
    'common/token-bucket.js',
    'dns-packet/',
    'multicast-dns/',
  ],
  limitBytes: 12 * 1024,
};

export async function prepare(): Promise<Prepared> {
  const wire = keepDatagramsInMemory();
  const { openMdnsLink } = await import('../../../client-plugin/discovery/mdns.js');
  const { MAX_ADDRESSES, MAX_INSTANCES, ServiceResolver } =
    await import('../../../client-plugin/discovery/service-resolver.js');
  return {
    // More services, and more addresses of one, than there is room for: five packets of 20.
    seeds: [Buffer.concat([0, 1, 2, 3, 4].map(part => packetInput(manyServices(part))))],
    fromFile: bytes => packetInput(bytes),
    async run(input) {
      let nowMs = 0;
      let step = 0;
      const random = () => (step = (step * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
      const resolver = new ServiceResolver(nowMs, random);
      const link = openMdnsLink({
        family: 'ipv6',
        interfaceName: 'eth0',
        localAddress: 'fe80::1',
        isFromLink: () => true,
        nowMs: () => nowMs,
        onRecords: records => resolver.receive(records, nowMs),
        onError: () => {},
      });
      let queries = 0;
      const ask = () => {
        const query = resolver.query(nowMs);
        if (!query) return;
        queries++;
        check(query.questions.length <= 9 && query.knownAnswers.length <= 8, 'a query too long');
        const hosts = resolver.hosts();
        check(hosts.length <= MAX_INSTANCES, `${hosts.length} hosts`);
        link.setHosts(hosts);
        link.send(query);
      };
      ask();
      for (const packet of readPackets(input)) {
        nowMs += packet.waitMs;
        deliver(wire, packet, 'fe80::2%eth0');
        ask();
        const services = resolver.services(nowMs);
        check(services.length <= MAX_INSTANCES, `${services.length} services`);
        for (const { addresses, port } of services) {
          check(addresses.length > 0 && addresses.length <= MAX_ADDRESSES, `${addresses.length} addresses`);
          check(Number.isInteger(port) && port > 0 && port <= 0xffff, `port ${port}`);
        }
        check(resolver.nextMs() > nowMs - 1, 'what is next is long past');
      }
      // Until the sockets listen, nothing is sent.
      await settle(1);
      check(wire.sent.length >= queries, 'a query that was not sent');
      check(queries <= 2 + nowMs / 20, `${queries} queries in ${nowMs} ms`);
      check(
        wire.sent.every(({ length }) => length <= 9000),
        'a packet too long',
      );
      link.close();
      wire.sockets.length = 0;
      wire.sent.length = 0;
    },
  };
}

const pointTo = (offset: number) => Buffer.from([0xc0 | (offset >> 8), offset & 0xff]);

/** A response with 20 services on one host, and 20 of its addresses. @param part others than those of other parts */
function manyServices(part: number): Buffer {
  const header = Buffer.from([0, 0, 0x84, 0, 0, 0, 0, 60, 0, 0, 0, 0]);
  const host = Buffer.from('\x04host\x05local\0', 'latin1');
  let packet = header;
  const add = (name: Buffer, type: number, data: Buffer) => {
    const rest = Buffer.from([0, type, 0, 1, 0, 0, 0, 120, data.length >> 8, data.length & 0xff]);
    const start = packet.length + name.length + rest.length;
    packet = Buffer.concat([packet, name, rest, data]);
    return start;
  };
  const service = Buffer.from('\x07_mandos\x04_tcp\x05local\0', 'latin1');
  for (let i = 0; i < 20; i++) {
    const label = Buffer.from([2, 0x61 + part, 0x61 + i]);
    const type = i === 0 ? service : pointTo(header.length);
    const at = add(type, 12, Buffer.concat([label, pointTo(header.length)]));
    add(pointTo(at), 33, Buffer.concat([Buffer.from([0, 0, 0, 0, 0x12, 0x67]), host]));
  }
  for (let i = 0; i < 20; i++) {
    add(host, 28, Buffer.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 + part, i]));
  }
  return packet;
}
