import type { RemoteInfo, Socket } from 'node:dgram';
import { countEntries, leavePlainRecords } from './mdns-plain-records.js';
import { SourceShares } from './mdns-source-shares.js';
import { TokenBucket } from './token-bucket.js';

/** Anything longer cannot have come in one multicast DNS message (RFC 6762 section 17). */
const PACKET_LIMIT_BYTES = 9000;
const HEADER_BYTES = 12;
/** The kind of query and the response code: a multicast DNS message has 0 in both (RFC 6762 section 18). */
const OPCODE_AND_RCODE = 0x780f;
const IS_RESPONSE = 0x8000;

/**
 * What a packet may list, questions and records together. A full Ethernet frame from a host with dozens of services
 * has less; reading a packet takes time for each.
 */
const ENTRIES_LIMIT = 128;

/**
 * Full frames read per second, and at once after a pause; larger packets count as so many. Only those that name us are
 * read, which on a network with a hundred clients are a few per second; so many keep a flood below some percent of a
 * processor.
 */
const READS_PER_SECOND = 100;
/** The same for one who waits for answers, and has nothing better to do with its processor. */
const RESPONSE_READS_PER_SECOND = 400;
const READS_BURST = 100;
/** The payload of an Ethernet frame. */
const FRAME_BYTES = 1500;

/** Says which packets are worth reading, at a small part of the cost of reading them. */
export class PacketFilter {
  readonly #kind: 'all' | 'responses';
  #reads: TokenBucket;
  #shares = new SourceShares();
  #labels: readonly string[];

  /**
   * @param kind `responses` for one who answers nothing
   * @param labels those that a packet must mention one of to be read
   * @param nowMs the clock's reading: milliseconds of any origin, never going back
   */
  constructor(kind: 'all' | 'responses', labels: readonly string[], nowMs: number) {
    this.#kind = kind;
    this.#reads = fullBucket(kind, nowMs);
    this.#labels = labels.map(asWritten);
  }

  /** Has time for as many packets as after a pause, from anybody: something was asked, and is answered at once. */
  refill(nowMs: number): void {
    this.#reads = fullBucket(this.#kind, nowMs);
    this.#shares = new SourceShares();
  }

  setLabels(labels: readonly string[]): void {
    this.#labels = labels.map(asWritten);
  }

  /**
   * Whether the packet is one that a multicast DNS host sends, concerns us, can be read in short time, and there is
   * time for it. Records of kinds that service discovery has no use for are made unreadable in it.
   * @param source the sender's address; of each only its share is read, unless it is left out
   */
  accepts(packet: Buffer, nowMs: number, source?: string): boolean {
    const frames = Math.ceil(packet.length / FRAME_BYTES);
    return (
      this.#isSound(packet) &&
      this.#mentionsUs(packet) &&
      (source === undefined || this.#shares.take(source, nowMs, frames)) &&
      leavePlainRecords(packet) &&
      this.#reads.take(nowMs, frames)
    );
  }

  #isSound(packet: Buffer): boolean {
    if (packet.length < HEADER_BYTES || packet.length > PACKET_LIMIT_BYTES) return false;
    const flags = packet.readUInt16BE(2);
    if ((flags & OPCODE_AND_RCODE) !== 0) return false;
    if (this.#kind === 'responses' && (flags & IS_RESPONSE) === 0) return false;
    const entries = countEntries(packet);
    return entries > 0 && entries <= ENTRIES_LIMIT;
  }

  /** A label is compressed as a pointer to where the packet has it in full (RFC 1035 section 4.1.4): it has it. */
  #mentionsUs(packet: Buffer): boolean {
    const text = packet.toString('latin1').toLowerCase();
    return this.#labels.some(label => text.includes(label));
  }
}

/**
 * Puts a check before what listens for messages on a socket already: multicast-dns reads every packet, in full and
 * before it asks where it comes from.
 */
export function guardMessages(socket: Socket, accepts: (packet: Buffer, from: RemoteInfo) => boolean): void {
  const read = socket.listeners('message') as ((packet: Buffer, from: RemoteInfo) => void)[];
  socket.removeAllListeners('message');
  socket.on('message', (packet, from) => {
    if (!accepts(packet, from)) return;
    for (const listener of read) listener(packet, from);
  });
}

function fullBucket(kind: 'all' | 'responses', nowMs: number): TokenBucket {
  const perSecond = kind === 'all' ? READS_PER_SECOND : RESPONSE_READS_PER_SECOND;
  return new TokenBucket(perSecond, READS_BURST, nowMs);
}

/** A label as packets have it, with its length before it, in lower case. */
function asWritten(label: string): string {
  const bytes = Buffer.from(label);
  return String.fromCharCode(bytes.length) + bytes.toString('latin1').toLowerCase();
}
