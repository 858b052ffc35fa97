import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { BlockList } from 'node:net';
import makeMdns from 'multicast-dns';
import { guardMessages, PacketFilter } from '../../common/mdns-packet-filter.js';
import { MDNS_GROUP, MDNS_PORT } from '../../common/mdns.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import type { OwnRecord, Question } from './records.js';
import { toWire } from './records.js';

/** RFC 6762 section 11. */
const HOPS = 255;

export type Family = 'ipv4' | 'ipv6';
export type Query = makeMdns.QueryPacket;
export type Response = makeMdns.ResponsePacket;

export interface LinkHandlers {
  /** The socket is bound and has joined the group. */
  ready(): void;
  query(query: Query, from: RemoteInfo): void;
  response(response: Response): void;
  /** It cannot receive, or a packet could not be sent. May come at any time and more than once. */
  failed(error: NodeJS.ErrnoException): void;
}

export interface Message {
  readonly questions?: readonly Question[];
  readonly answers?: readonly OwnRecord[];
  readonly authorities?: readonly OwnRecord[];
  readonly additionals?: readonly OwnRecord[];
  readonly id?: number;
}

/**
 * Multicast DNS on one interface in one family of addresses: a socket bound to the group's address, so that it gets
 * nothing of other interfaces (IPv6) and none of the unicast packets meant for an Avahi beside it.
 */
export class Link {
  readonly #mdns: makeMdns.MulticastDNS;
  readonly #handlers: LinkHandlers;
  readonly #filter: PacketFilter;
  /** For what comes from another port: a question that is answered to its sender alone. Each has one answer at most. */
  readonly #oneShotFilter: PacketFilter;
  #neighbours = new BlockList();
  #closed = false;

  /**
   * Opens the link; faults go to `handlers.failed`.
   * @param labels those that a packet must mention one of to be read
   */
  constructor(
    on: NetworkInterface,
    family: Family,
    labels: readonly string[],
    handlers: LinkHandlers,
    nowMs: () => number,
  ) {
    this.#handlers = handlers;
    this.#filter = new PacketFilter('all', labels, nowMs());
    this.#oneShotFilter = new PacketFilter('all', labels, nowMs());
    this.setNetwork(on);
    const socket = createSocket({ type: family === 'ipv6' ? 'udp6' : 'udp4', reuseAddr: true });
    this.#mdns = makeMdns({ ...groupOptions(on, family), socket, ttl: HOPS });
    guardMessages(
      socket,
      (packet, from) =>
        !this.#closed &&
        this.#isNeighbour(from) &&
        this.#filterFor(from).accepts(packet, nowMs(), from.address),
    );
    this.#mdns.on('ready', () => {
      if (this.#closed) return;
      socket.setTTL(HOPS);
      handlers.ready();
    });
    this.#mdns.on('query', (query, from) => handlers.query(query, from));
    this.#mdns.on('response', (response, from) => {
      // RFC 6762 section 6: responses come from this port.
      if (from.port === MDNS_PORT) handlers.response(response);
    });
    this.#mdns.on('error', error => this.#fail(error));
    this.#mdns.on('warning', error => {
      // The library has no other word for a packet that it cannot read: those are no fault of the link's.
      if ('code' in error && 'syscall' in error) this.#fail(error);
    });
  }

  setLabels(labels: readonly string[]): void {
    this.#filter.setLabels(labels);
    this.#oneShotFilter.setLabels(labels);
  }

  /** Takes note of the interface's addresses: who is a neighbour follows from them (RFC 6762 section 11). */
  setNetwork(on: NetworkInterface): void {
    this.#neighbours = new BlockList();
    this.#neighbours.addSubnet('fe80::', 10, 'ipv6');
    for (const { address, prefixLength, family } of on.addresses) {
      this.#neighbours.addSubnet(address, prefixLength, family);
    }
  }

  /** Sends to all hosts on the link. @returns when it is on its way, or has failed */
  async multicast(kind: 'query' | 'response', message: Message): Promise<void> {
    await this.#send(kind, message);
  }

  /** Answers one host alone. */
  unicast(message: Message, to: RemoteInfo): void {
    void this.#send('response', message, to);
  }

  close(): void {
    this.#closed = true;
    this.#mdns.destroy();
  }

  async #send(kind: 'query' | 'response', message: Message, to?: RemoteInfo): Promise<void> {
    if (this.#closed) return;
    const packet = {
      id: message.id ?? 0,
      questions: [...(message.questions ?? [])],
      answers: toWire(message.answers ?? []),
      authorities: toWire(message.authorities ?? []),
      additionals: toWire(message.additionals ?? []),
    };
    await new Promise<void>(resolve => {
      const sent = (error: Error | null) => {
        if (error) this.#fail(error);
        resolve();
      };
      if (kind === 'query') this.#mdns.query(packet, to, sent);
      else this.#mdns.respond(packet, to, sent);
    });
  }

  #filterFor({ port }: RemoteInfo): PacketFilter {
    return port === MDNS_PORT ? this.#filter : this.#oneShotFilter;
  }

  #isNeighbour(from: RemoteInfo): boolean {
    // No answer can be sent there: Node.js throws at the attempt. Only who makes packets by hand has this port.
    if (from.port === 0) return false;
    const address = from.address.split('%', 1)[0] ?? '';
    return this.#neighbours.check(address, from.family === 'IPv6' ? 'ipv6' : 'ipv4');
  }

  #fail(error: Error): void {
    if (!this.#closed) this.#handlers.failed(error);
  }
}

function groupOptions(on: NetworkInterface, family: Family) {
  if (family === 'ipv6') {
    const [own, bind] = [`::%${on.name}`, `${MDNS_GROUP.ipv6}%${on.name}`];
    return { type: 'udp6' as const, ip: MDNS_GROUP.ipv6, interface: own, bind };
  }
  return {
    type: 'udp4' as const,
    ip: MDNS_GROUP.ipv4,
    interface: ipv4Address(on) ?? '',
    bind: MDNS_GROUP.ipv4,
  };
}

/** The address that stands for the interface towards the kernel. */
export function ipv4Address(on: NetworkInterface): string | undefined {
  return on.addresses.find(({ family }) => family === 'ipv4')?.address;
}
