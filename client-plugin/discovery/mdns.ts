import { createSocket } from 'node:dgram';
import multicastDns from 'multicast-dns';
import { describeError } from '../../common/errors.js';
import { guardMessages, PacketFilter } from '../../common/mdns-packet-filter.js';
import { MDNS_GROUP, MDNS_PORT } from '../../common/mdns.js';
import { SERVICE_TYPE } from '../../common/protocol.js';
import type { DnsRecord, Query, Question } from './service-resolver.js';

/** What every answer that is not about a host alone has. */
const SERVICE_LABEL = SERVICE_TYPE.split('.')[0] ?? '';

/** Multicast DNS over one family on one link. */
export interface MdnsLink {
  /** Sends to the group; failures count as packets lost on the way. */
  send(query: Query): void;
  /** Sets whose addresses are wanted: a response that names neither one of these hosts nor the service is not read. */
  setHosts(names: readonly string[]): void;
  close(): void;
}

export interface MdnsLinkOptions {
  readonly family: 'ipv6' | 'ipv4';
  readonly interfaceName: string;
  /** An address of the interface in that family: IPv4 multicast names interfaces so. */
  readonly localAddress: string;
  /** Whether a packet with this source address can come from the link. */
  readonly isFromLink: (address: string) => boolean;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  /** @param isDirect whether they were said to us alone, who have asked, and not to everybody */
  readonly onRecords: (records: DnsRecord[], isDirect: boolean) => void;
  /** Announcements cannot be heard, which is said once; it is tried again with each query. */
  readonly onError: (message: string) => void;
}

/**
 * Opens two sockets, since a question is asked twice:
 * - from the group's own port, where announcements and answers to all are heard, which responders delay by up to
 *   120 ms, or a second when they have just said the same (RFC 6762 section 6);
 * - from a port of our own, which responders answer to us alone and at once (section 6.7): 10 ms instead of 100 to
 *   1200 from Avahi. Such an answer cannot be prevented by others who have said the same (section 7.4), and what is said
 *   to the group does not compete with it.
 *
 * Never throws. An interface that goes away only makes the link silent.
 */
export function openMdnsLink(options: MdnsLinkOptions): MdnsLink {
  const { family, interfaceName, localAddress, onError, nowMs } = options;
  const ip = MDNS_GROUP[family];
  const common =
    family === 'ipv6'
      ? ({ type: 'udp6', ip, interface: `::%${interfaceName}` } as const)
      : ({ type: 'udp4', ip, interface: localAddress } as const);
  const open = (bind: string | false) => {
    const socket = createSocket({ type: common.type, reuseAddr: true });
    const mdns = multicastDns({ ...common, bind, socket });
    // One for each socket: what is heard by all cannot keep us from reading what is answered to us alone.
    const filter = new PacketFilter('responses', [SERVICE_LABEL], nowMs());
    guardMessages(
      socket,
      // RFC 6762 section 6: a response from another port is not from a responder.
      (packet, { address, port }) =>
        port === MDNS_PORT && options.isFromLink(address) && filter.accepts(packet, nowMs(), address),
    );
    mdns.on('error', () => {}); // else thrown
    mdns.on('warning', () => {}); // packets that are no DNS, and memberships refused while the interface goes
    mdns.on('response', (response: multicastDns.ResponsePacket) => {
      const records = toRecords([...(response.answers ?? []), ...(response.additionals ?? [])]);
      if (records.length > 0) options.onRecords(records, bind === false);
    });
    const ask = (packet: multicastDns.QueryOutgoingPacket) => {
      try {
        mdns.query(packet);
      } catch {
        // a name that cannot be encoded, or no such interface: a lost packet to the resolver
      }
    };
    return { mdns, filter, ask };
  };
  // Bound to the group, it leaves unicast packets to another responder of this machine; for IPv6 on this link only.
  const hearing = open(family === 'ipv6' ? `${ip}%${interfaceName}` : ip);
  const asking = open(false);
  hearing.mdns.once('error', error => onError(describeError(error)));
  return {
    send(query) {
      if (query.questions.some(isBrowsing)) asking.filter.refill(nowMs());
      for (const packet of toOneShots(query)) asking.ask(packet);
      hearing.ask(toPacket(query));
    },
    setHosts(names) {
      const labels = names.map(name => name.split('.')[0] ?? '');
      for (const { filter } of [asking, hearing]) filter.setLabels([SERVICE_LABEL, ...labels]);
    },
    close() {
      asking.mdns.destroy();
      hearing.mdns.destroy();
    },
  };
}

type Answer = NonNullable<multicastDns.ResponsePacket['answers']>[number];

/** Those records that tell something of services. */
function toRecords(answers: readonly Answer[]): DnsRecord[] {
  return answers.flatMap(answer => toRecord(answer) ?? []);
}

function toRecord(answer: Answer): DnsRecord | undefined {
  if (answer.type === 'PTR') {
    const { type, name, ttl, data } = answer;
    return { type, name, ttlS: ttl ?? 0, instance: data };
  }
  if (answer.type === 'SRV') {
    const { type, name, ttl, data } = answer;
    return { type, name, ttlS: ttl ?? 0, host: data.target, port: data.port };
  }
  if (answer.type === 'AAAA' || answer.type === 'A') {
    const { type, name, ttl, data, flush } = answer;
    return { type, name, ttlS: ttl ?? 0, address: data, flush: flush === true };
  }
  return undefined;
}

function isBrowsing({ type }: Question): boolean {
  return type === 'PTR';
}

/**
 * The questions as a simple resolver asks them (RFC 6762 section 6.7): without known answers, since Avahi answers no such
 * query that has any, and the one for servers in a message of its own, since others answer a single question only.
 */
function toOneShots({ questions }: Query): multicastDns.QueryOutgoingPacket[] {
  const messages = [questions.filter(isBrowsing), questions.filter(question => !isBrowsing(question))];
  return messages.filter(({ length }) => length > 0).map(some => ({ questions: some }));
}

function toPacket(query: Query): multicastDns.QueryOutgoingPacket {
  const name = `${SERVICE_TYPE}.local`;
  return {
    questions: [...query.questions],
    answers: query.knownAnswers.map(({ instance, ttlS }) => ({
      type: 'PTR',
      name,
      ttl: ttlS,
      data: instance,
    })),
  };
}
