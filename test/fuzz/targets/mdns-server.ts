/* Packets that reach a server which announces itself: server/discovery, from the socket to its answers and its name. */
import { createLog } from '../../../common/log.js';
import type { NetworkInterface } from '../../../common/network-interfaces.js';
import { check } from './expected.js';
import { deliver, keepDatagramsInMemory } from './memory-datagrams.js';
import { packetInput, readPackets } from './packets.js';
import { VirtualTimers } from './virtual-timers.js';
import type { Prepared, TargetFacts } from '../engine/target.js';

export const facts: TargetFacts = {
  covers: ['server/discovery/', 'common/mdns-', 'common/token-bucket.js', 'dns-packet/', 'multicast-dns/'],
  limitBytes: 12 * 1024,
  batch: 32,
};

const ETH0: NetworkInterface = {
  name: 'eth0',
  index: 2,
  running: true,
  multicast: true,
  loopback: false,
  pointToPoint: false,
  up: true,
  broadcast: true,
  arp: true,
  addresses: [
    {
      family: 'ipv6',
      address: 'fe80::1',
      scoped: 'fe80::1%eth0',
      prefixLength: 64,
      linkLocal: true,
      tentative: false,
    },
    {
      family: 'ipv4',
      address: '10.0.0.1',
      scoped: '10.0.0.1',
      prefixLength: 24,
      linkLocal: false,
      tentative: false,
    },
  ],
};
/** The name is probed for, and announced, by then. */
const ESTABLISHED_MS = 1100;

export async function prepare(): Promise<Prepared> {
  const wire = keepDatagramsInMemory();
  const { publishEmbedded } = await import('../../../server/discovery/embedded.js');
  const timers = new VirtualTimers();
  let nowMs = 0;
  const pass = (ms: number) => timers.pass(nowMs + ms, dueMs => (nowMs = dueMs));
  const turn = () => new Promise(resolve => setImmediate(resolve));
  return {
    fromFile: bytes => packetInput(bytes),
    /** The first byte of circumstances of the first packet also says whether it comes before the name is ours. */
    async run(input) {
      nowMs = 0;
      timers.clear();
      let step = 1;
      const effects = {
        listInterfaces: () => [ETH0],
        hostname: () => 'host',
        nowMs: () => nowMs,
        random: () => (step = (step * 16_807) % 2_147_483_647) / 2_147_483_647,
      };
      const lines: string[] = [];
      const names: string[] = [];
      const log = createLog({ write: (_, line) => void lines.push(line) }, 'info');
      const service = { name: 'Mandos', port: 4711, family: 'any' } as const;
      const publication = publishEmbedded(service, log, { renamed: name => void names.push(name) }, effects);
      await turn();
      pass((input[0] ?? 0) & 0x10 ? 300 : ESTABLISHED_MS);
      const packets = readPackets(input);
      for (const packet of packets) {
        pass(packet.waitMs);
        deliver(wire, packet, 'fe80::2%eth0');
      }
      pass(3000);
      await turn();
      // Both families: announcements, four answers a second while a name is probed for, and those to one host alone.
      const most = 2 * (20 + (nowMs / 1000) * 10);
      check(wire.sent.length <= most, `${wire.sent.length} packets in ${nowMs} ms`);
      check(
        wire.sent.every(({ length }) => length <= 1500),
        'a packet longer than a frame',
      );
      check(names.length <= 2 * packets.length, `${names.length} names for ${packets.length} packets`);
      check(
        names.every(name => Buffer.byteLength(name) <= 63),
        'a name longer than a label',
      );
      const stopped = publication.stop();
      pass(2000);
      await stopped;
      timers.clear();
      wire.sockets.length = 0;
      wire.sent.length = 0;
    },
  };
}
