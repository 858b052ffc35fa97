import { setTimeout as sleep } from 'node:timers/promises';
import type { WireFaults } from '../bad-wire.js';
import type { Fault } from '../fault.js';
import type { Site } from '../site.js';

/** How long a loose cable is out, and in. */
const LOOSE_MS = 1_000;

const wire = (name: string, faults: WireFaults, holdMs = 20_000): Fault => ({
  name,
  holdMs,
  clients: 5,
  isServed: true,
  apply: async site => void (await site.wire.set(faults)),
  undo: async site => {
    const counts = await site.wire.set({});
    for (const what of ['loss', 'duplicate', 'flip', 'swap'] as const)
      if (faults[what] && !counts[what]) throw new Error(`the wire did nothing: no ${what}`);
    if (faults.jitter && !counts['late']) throw new Error('the wire did nothing: no frame was overtaken');
  },
});

const link = (name: string, host: 'server' | 'client'): Fault => ({
  name,
  holdMs: 20_000,
  clients: 3,
  apply: async site => await interfaceOf(site, host).unplug(),
  undo: async site => await interfaceOf(site, host).plug(),
});

/** Whose cable is loose: ends that, and leaves it plugged in. */
const tighten = new WeakMap<Site, () => Promise<void>>();

function loosen(site: Site): void {
  const over = new AbortController();
  const shake = async () => {
    while (!over.signal.aborted) {
      await interfaceOf(site, 'server').unplug();
      await sleep(LOOSE_MS);
      await interfaceOf(site, 'server').plug();
      await sleep(LOOSE_MS);
    }
  };
  const shaken = shake();
  tighten.set(site, async () => {
    over.abort();
    await shaken;
  });
}

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
  {
    name: "the server's cable is loose: out and in again, all the time",
    holdMs: 20_000,
    clients: 3,
    apply: site => Promise.resolve(loosen(site)),
    undo: async site => await tighten.get(site)?.(),
  },
];
