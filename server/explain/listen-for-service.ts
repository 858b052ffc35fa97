import { SERVICE_TYPE } from '../../common/protocol.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import { ipv4Address, Link } from '../discovery/link.js';
import type { DnsRecord } from '../discovery/records.js';
import type { Announcement } from './facts.js';

/** An answer takes some hundred milliseconds; one that was given within the last second is not given again at once. */
const QUERY_INTERVAL_MS = 1_000;
/** Six questions: it only lasts so long when nothing is found. */
const LISTEN_MS = 6_000;
const TYPE_DOMAIN = `${SERVICE_TYPE}.local`;
/** Anybody can announce anything. */
const MOST_SERVICES = 64;

/** Whether multicast DNS can be spoken on an interface. */
export function isListenable({ running, loopback, multicast, addresses }: NetworkInterface): boolean {
  return running && !loopback && multicast && addresses.some(({ tentative }) => !tentative);
}

/**
 * Asks for Mandos servers by multicast DNS on these interfaces, as a client does (RFC 6763 section 4), and listens for
 * some seconds.
 * @param isEnough ends it before
 */
export async function listenForService(
  interfaces: readonly NetworkInterface[],
  isEnough: (found: readonly Announcement[]) => boolean,
): Promise<Announcement[]> {
  const found = new Map<string, Announcement>();
  const links: Link[] = [];
  const { promise, resolve } = withResolvers();
  const receive = (records: readonly DnsRecord[]) => {
    for (const record of records) {
      if (record.type !== 'SRV' || record.ttl === 0 || found.size >= MOST_SERVICES) continue;
      const name = record.name.toLowerCase();
      if (!name.endsWith(`.${TYPE_DOMAIN}`)) continue;
      const instance = record.name.slice(0, -TYPE_DOMAIN.length - 1);
      found.set(`${name} ${record.data.port}`, { instance, port: record.data.port });
    }
    if (isEnough([...found.values()])) resolve();
  };
  const ask = (link: Link) =>
    void link.multicast('query', { questions: [{ name: TYPE_DOMAIN, type: 'PTR', class: 'IN' }] });
  for (const nic of interfaces) {
    const families = [
      ...(nic.addresses.some(({ family, linkLocal }) => family === 'ipv6' && linkLocal)
        ? (['ipv6'] as const)
        : []),
      ...(ipv4Address(nic) === undefined ? [] : (['ipv4'] as const)),
    ];
    for (const family of families) {
      const link: Link = new Link(
        nic,
        family,
        [SERVICE_TYPE.split('.')[0] ?? ''],
        {
          ready: () => ask(link),
          query: () => {},
          response: ({ answers, additionals }) => receive([...(answers ?? []), ...(additionals ?? [])]),
          // One that cannot be used is one on which nothing is found.
          failed: () => {},
        },
        () => performance.now(),
      );
      links.push(link);
    }
  }
  const repeat = setInterval(() => links.forEach(ask), QUERY_INTERVAL_MS);
  const end = setTimeout(resolve, LISTEN_MS);
  await promise;
  clearInterval(repeat);
  clearTimeout(end);
  for (const link of links) link.close();
  return [...found.values()];
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>(settle => {
    resolve = settle;
  });
  return { promise, resolve };
}
