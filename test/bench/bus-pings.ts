import { connectBus } from '../../common/dbus/bus.js';

/**
 * Pings names on a bus, whether or not they have answered the last time: `node bus-pings.js ADDRESS NAME…` says `ready`
 * when each has answered once, and, when its standard input ends, the longest answer of each in milliseconds as JSON.
 */
const EVERY_MS = 5;
const LAST_ANSWER_MS = 30_000;

const [address = '', ...names] = process.argv.slice(2);
const bus = await connectBus(address);
const longestMs = new Map(names.map(name => [name, 0]));
const underway = new Set<Promise<void>>();

async function ping(name: string): Promise<number> {
  const startMs = performance.now();
  const member = { path: '/', interface: 'org.freedesktop.DBus.Peer', member: 'Ping' };
  await bus.call({ destination: name, ...member }, LAST_ANSWER_MS);
  return performance.now() - startMs;
}

async function measure(name: string): Promise<void> {
  const tookMs = await ping(name);
  longestMs.set(name, Math.max(longestMs.get(name) ?? 0, tookMs));
}

await Promise.all(names.map(ping)); // not measured: warms up
const timer = setInterval(() => {
  for (const name of names) {
    const one: Promise<void> = measure(name).finally(() => underway.delete(one));
    underway.add(one);
  }
}, EVERY_MS);
process.stdout.write('ready\n');
for await (const _ of process.stdin);
clearInterval(timer);
await Promise.all(underway);
process.stdout.write(`${JSON.stringify(Object.fromEntries(longestMs))}\n`);
bus.close();
