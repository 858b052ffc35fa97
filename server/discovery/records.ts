import type mdns from 'multicast-dns';
import { SERVICE_TYPE } from '../../common/protocol.js';

/** A record as multicast-dns reads and writes it. */
export type DnsRecord = NonNullable<mdns.FullPacket['answers']>[number];
export type Question = NonNullable<mdns.FullPacket['questions']>[number];

/** One of our own records. */
export interface OwnRecord {
  readonly name: string;
  readonly type: 'PTR' | 'SRV' | 'TXT' | 'A' | 'AAAA';
  readonly class: 'IN';
  /** Seconds. */
  readonly ttl: number;
  /** The cache-flush bit (RFC 6762 section 10.2): no other host has records of this name and type. */
  readonly flush: boolean;
  readonly data: string | SrvData | readonly Buffer[];
}

export interface SrvData {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

type WireSrv = Extract<DnsRecord, { type: 'SRV' }>['data'];

/** Whose records. */
export interface Identity {
  /** The instance's label. */
  readonly instance: string;
  /** The host's label. */
  readonly host: string;
  readonly port: number;
}

export interface HostAddress {
  readonly family: 'ipv4' | 'ipv6';
  readonly address: string;
}

/** RFC 6762 section 10: records that name a host, or hold its address, and all others. Seconds. */
const HOST_TTL = 120;
const OTHER_TTL = 4500;

const TYPE_DOMAIN = `${SERVICE_TYPE}.local`;
/** Asked for by those who browse for types (RFC 6763 section 9). */
const TYPES_DOMAIN = '_services._dns-sd._udp.local';

/** Numbers of the types that a probe proposes (RFC 1035 section 3.2.2, RFC 2782). */
const TYPE_NUMBERS = new Map<string, number>([
  ['TXT', 16],
  ['SRV', 33],
]);

export function instanceDomain(identity: Identity): string {
  return `${identity.instance}.${TYPE_DOMAIN}`;
}

/** The labels, one of which every packet has that concerns us. */
export function ownLabels(identity: Identity): string[] {
  return [SERVICE_TYPE.split('.')[0] ?? '', identity.instance, identity.host];
}

/** All records that one interface's link gives of the service: its own addresses only. */
export function serviceRecords(identity: Identity, addresses: readonly HostAddress[]): OwnRecord[] {
  return [
    pointer(TYPE_DOMAIN, instanceDomain(identity)),
    pointer(TYPES_DOMAIN, TYPE_DOMAIN),
    ...uniqueRecords(identity),
    ...addresses.map(address => addressRecord(identity, address)),
  ];
}

/** What a probe proposes: the records that no other host may have (RFC 6762 section 8.2). */
export function uniqueRecords(identity: Identity): OwnRecord[] {
  const srv = { priority: 0, weight: 0, port: identity.port, target: `${identity.host}.local` };
  return [
    unique(instanceDomain(identity), 'SRV', HOST_TTL, srv),
    // Without a key, a TXT record still has one string: the empty one (RFC 6763 section 6.1).
    unique(instanceDomain(identity), 'TXT', OTHER_TTL, [Buffer.alloc(0)]),
  ];
}

export function addressRecord(identity: Identity, { family, address }: HostAddress): OwnRecord {
  return unique(`${identity.host}.local`, family === 'ipv4' ? 'A' : 'AAAA', HOST_TTL, address);
}

/** The records' goodbye (RFC 6762 section 10.1): without cache-flush, so that it means these very data. */
export function goodbye(records: readonly OwnRecord[]): OwnRecord[] {
  // Other hosts' services have the same pointer from the list of types.
  return records
    .filter(record => record.name !== TYPES_DOMAIN)
    .map(record => ({ ...record, ttl: 0, flush: false }));
}

/** As multicast-dns takes them. */
export function toWire(records: readonly OwnRecord[]): DnsRecord[] {
  return records as DnsRecord[];
}

/** Whether a record that came in is this one of ours, whatever its lifetime. */
export function isSameRecord(own: OwnRecord, other: DnsRecord): boolean {
  if (own.type !== other.type || !sameName(own.name, other.name)) return false;
  if (own.type === 'SRV' && other.type === 'SRV') return sameSrv(own.data as SrvData, other.data);
  if (own.type === 'TXT' && other.type === 'TXT') return txtBytes(other.data).equals(txtBytes(own.data));
  if (typeof own.data !== 'string' || !('data' in other) || typeof other.data !== 'string') return false;
  return sameName(own.data, other.data);
}

/**
 * Whether a record is proof of another host with the instance's name. The SRV record alone tells: its target is our
 * own host name, which no other host has.
 */
export function isConflict(identity: Identity, other: DnsRecord): boolean {
  if (other.type !== 'SRV' || other.ttl === 0) return false;
  const [srv] = uniqueRecords(identity);
  return sameName(other.name, instanceDomain(identity)) && srv !== undefined && !isSameRecord(srv, other);
}

/**
 * Who wins when two hosts probe for a name at the same time (RFC 6762 section 8.2): the one with the
 * lexicographically later records.
 * @returns less than 0 when we lose, 0 when the records are the same (our own probe, heard)
 */
export function compareProbes(identity: Identity, authorities: readonly DnsRecord[]): number {
  const name = instanceDomain(identity);
  const theirs = probeBytes(authorities.filter(record => sameName(record.name, name)));
  const ours = probeBytes(toWire(uniqueRecords(identity)));
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const [our, their] = [ours[i], theirs[i]];
    if (!our || !their) return our ? 1 : -1;
    const order = Buffer.compare(our, their);
    if (order !== 0) return order;
  }
  return 0;
}

/** DNS compares names without regard to case. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

function pointer(name: string, data: string): OwnRecord {
  return { name, type: 'PTR', class: 'IN', ttl: OTHER_TTL, flush: false, data };
}

function unique(name: string, type: OwnRecord['type'], ttl: number, data: OwnRecord['data']): OwnRecord {
  return { name, type, class: 'IN', ttl, flush: true, data };
}

function sameSrv(own: SrvData, other: WireSrv): boolean {
  return (
    own.port === other.port &&
    own.priority === (other.priority ?? 0) &&
    own.weight === (other.weight ?? 0) &&
    sameName(own.target, other.target ?? '')
  );
}

/** Each record's type and data as bytes, in their order. */
function probeBytes(records: readonly DnsRecord[]): Buffer[] {
  return records
    .flatMap(record => {
      const type = Buffer.alloc(2);
      type.writeUInt16BE(TYPE_NUMBERS.get(record.type) ?? 0);
      if (record.type === 'SRV') return [Buffer.concat([type, srvBytes(record.data)])];
      if (record.type === 'TXT') return [Buffer.concat([type, txtBytes(record.data)])];
      return [];
    })
    .toSorted((a, b) => Buffer.compare(a, b));
}

function srvBytes({ priority = 0, weight = 0, port, target }: WireSrv): Buffer {
  const fixed = Buffer.alloc(6);
  fixed.writeUInt16BE(priority, 0);
  fixed.writeUInt16BE(weight, 2);
  fixed.writeUInt16BE(port, 4);
  const labels = target.split('.').filter(label => label !== '');
  return Buffer.concat([fixed, ...labels.map(lengthPrefixed), Buffer.from([0])]);
}

function txtBytes(data: unknown): Buffer {
  const strings = (Array.isArray(data) ? data : [data]) as (string | Uint8Array)[];
  return strings.length === 0 ? Buffer.from([0]) : Buffer.concat(strings.map(lengthPrefixed));
}

function lengthPrefixed(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text as string);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
