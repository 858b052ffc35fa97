import type { WireFaults } from '../bad-wire.js';
import type { Fault } from '../fault.js';
import type { Site } from '../site.js';

const wire = (name: string, faults: WireFaults, holdMs = 20_000): Fault => ({
  name,
  holdMs,
  clients: 5,
  apply: site => site.wire.set(faults),
  undo: site => site.wire.set({}),
});

const link = (name: string, host: 'server' | 'client'): Fault => ({
  name,
  holdMs: 20_000,
  clients: 3,
  apply: async site => await interfaceOf(site, host).unplug(),
  undo: async site => await interfaceOf(site, host).plug(),
});

function interfaceOf(site: Site, host: 'server' | 'client') {
  const [first] = site[host].interfaces;
  if (!first) throw new Error(`${host} has no interface`);
  return first;
}

/** What the network does. */
export const NETWORK_FAULTS: readonly Fault[] = [
  wire('30 % of packets lost', { loss: 0.3 }),
  wire('packets take 300 ± 200 ms and overtake each other', { delay: 0.3, jitter: 0.2 }),
  wire('half of the packets come twice', { duplicate: 0.5, jitter: 0.005 }),
  wire('a bit of every fifth packet is wrong', { flip: 0.2 }),
  wire('words of every fifth packet are swapped, which no checksum notices', { swap: 0.2 }),
  wire(
    'all of that at once',
    { loss: 0.1, delay: 0.1, jitter: 0.08, duplicate: 0.1, flip: 0.05, swap: 0.05 },
    30_000,
  ),
  link("the server's cable is out", 'server'),
  link("the client's cable is out", 'client'),
];
