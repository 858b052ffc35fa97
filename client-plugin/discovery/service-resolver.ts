import { SERVICE_TYPE } from '../../common/protocol.js';
import { dispensable, isUsableAddress, orderAddresses } from './addresses.js';
import { isAskable } from './names.js';
import type { Lifetime } from './schedule.js';
import { FIRST_INTERVAL_MS, GRACE_MS, isWithdrawn, lifetime, Schedule, withdraw } from './schedule.js';

/** The records of a DNS message that matter here, as they came. */
export type DnsRecord =
  | { readonly type: 'PTR'; readonly name: string; readonly ttlS: number; readonly instance: string }
  | {
      readonly type: 'SRV';
      readonly name: string;
      readonly ttlS: number;
      readonly host: string;
      readonly port: number;
    }
  | {
      readonly type: 'AAAA' | 'A';
      readonly name: string;
      readonly ttlS: number;
      readonly address: string;
      /** The cache-flush bit (RFC 6762 section 10.2). */
      readonly flush: boolean;
    };

export interface Question {
  readonly name: string;
  readonly type: 'PTR' | 'SRV' | 'AAAA' | 'A';
}

/** One message to send: questions, and the answers to PTR that need not be given again (RFC 6762 section 7.1). */
export interface Query {
  readonly questions: readonly Question[];
  readonly knownAnswers: readonly { readonly instance: string; readonly ttlS: number }[];
}

/** A server that can be tried. */
export interface Service {
  /** The instance name, as people see it. */
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  /** In order of preference: link-local IPv6, other IPv6, IPv4. Without scopes. */
  readonly addresses: readonly string[];
  /** It has answered to us alone. */
  readonly isDirect: boolean;
}

const SERVICE = `${SERVICE_TYPE}.local`;
/** Services of one link. Sites have one to three servers; the rest is room beside false ones. */
export const MAX_INSTANCES = 64;
/**
 * Addresses of one host: link-local, some prefixes with a temporary address each, IPv4; as many as our own server
 * announces of an interface. The rest is room beside false ones.
 */
export const MAX_ADDRESSES = 16;
/** Of one message, when the table is full: a host has one server, and must not drive out many for many names. */
const MAX_NEWCOMERS = 4;
/** Between two messages: false services that come fast must not make us send as fast. */
const MIN_GAP_MS = 20;
/** Questions and known answers of one message, so that with usual names it fits into one Ethernet frame. */
const MAX_QUESTIONS = 8;
const MAX_KNOWN_ANSWERS = 8;

interface Instance extends Lifetime {
  readonly name: string;
  readonly isAskable: boolean;
  isDirect: boolean;
  readonly question: Schedule;
  location?: (Lifetime & { readonly host: string; readonly port: number }) | undefined;
}

interface Host {
  readonly name: string;
  readonly isAskable: boolean;
  readonly question: Schedule;
  readonly addresses: Map<string, Lifetime & { readonly type: 'AAAA' | 'A' }>;
}

/**
 * Finds Mandos servers on one link by DNS-SD (RFC 6763) over multicast DNS (RFC 6762). Pure: is told the time and the
 * records that arrived, and says what to ask when and which servers there are.
 *
 * Anybody on the link can announce anything, so everything is bounded. When a table is full, a newcomer takes the place
 * of a random one in its newer half: what was found before a flood stays, and what comes during it has a chance. Those
 * that have answered us alone stay before those that were only heard.
 */
export class ServiceResolver {
  readonly #random: () => number;
  readonly #browse: Schedule;
  /** By name in lower case, in the order they were found in. */
  readonly #instances = new Map<string, Instance>();
  /** Hosts that an instance is on, by name in lower case. */
  readonly #hosts = new Map<string, Host>();
  #quietUntilMs = -Infinity;
  /** How many more of the message in hand may take others' places. */
  #newcomers = 0;

  /** @param random in [0, 1) */
  constructor(nowMs: number, random: () => number) {
    this.#random = random;
    // At once: the random delay of RFC 6762 section 5.2 spreads machines that start together, as those that boot do
    // not, and would be waited for at every boot.
    this.#browse = new Schedule(nowMs);
  }

  /**
   * Takes in the records of one message, in any order.
   * @param isDirect whether it came to us alone, as an answer
   */
  receive(records: readonly DnsRecord[], nowMs: number, isDirect = false): void {
    this.#expire(nowMs);
    this.#newcomers = MAX_NEWCOMERS;
    // A message may name the service behind its host: what refers to others comes first.
    for (const record of records) if (record.type === 'PTR') this.#pointer(record, nowMs, isDirect);
    for (const record of records) if (record.type === 'SRV') this.#location(record, nowMs);
    this.#dropHosts();
    for (const record of records) {
      if (record.type === 'AAAA' || record.type === 'A') this.#address(record, nowMs);
    }
  }

  /** The link can carry packets (again): ask at once. */
  restart(nowMs: number): void {
    this.#browse.restart(nowMs);
  }

  /** What to ask now, if anything; it counts as asked. */
  query(nowMs: number): Query | undefined {
    this.#expire(nowMs);
    if (nowMs < this.#quietUntilMs) return undefined;
    const questions: Question[] = [];
    const due = (schedule: Schedule) => {
      if (schedule.dueMs > nowMs || questions.length >= MAX_QUESTIONS) return false;
      schedule.asked(nowMs);
      return true;
    };
    const browsing = due(this.#browse);
    if (browsing) questions.push({ name: SERVICE, type: 'PTR' });
    for (const { name, question } of this.#askableInstances()) {
      if (due(question)) questions.push({ name, type: 'SRV' });
    }
    for (const { name, question } of this.#askableHosts()) {
      if (due(question)) questions.push({ name, type: 'AAAA' }, { name, type: 'A' });
    }
    if (questions.length === 0) return undefined;
    this.#quietUntilMs = nowMs + MIN_GAP_MS;
    return { questions, knownAnswers: browsing ? this.#knownAnswers(nowMs) : [] };
  }

  /** The hosts whose addresses are asked for, now or later. */
  hosts(): string[] {
    return this.#askableHosts().map(({ name }) => name);
  }

  /** When to call `query` or `services` again if nothing arrives before. */
  nextMs(): number {
    const asked = [...this.#askableInstances(), ...this.#askableHosts()].map(({ question }) => question);
    const askMs = Math.min(this.#browse.dueMs, ...asked.map(question => question.dueMs));
    const expireMs = Math.min(...[...this.#lives()].map(({ life }) => life.expiresMs));
    return Math.min(Math.max(askMs, this.#quietUntilMs), expireMs);
  }

  /** The servers that can be tried, first found first. */
  services(nowMs: number): Service[] {
    this.#expire(nowMs);
    const services: Service[] = [];
    for (const { name, location, isDirect } of this.#instances.values()) {
      const host = location && this.#hosts.get(key(location.host));
      if (!host || host.addresses.size === 0) continue;
      const instance = name.slice(0, -SERVICE.length - 1);
      const addresses = orderAddresses([...host.addresses.keys()]);
      services.push({ instance, host: host.name, port: location.port, addresses, isDirect });
    }
    return services;
  }

  #pointer(record: DnsRecord & { type: 'PTR' }, nowMs: number, isDirect: boolean): void {
    const id = key(record.instance);
    if (key(record.name) !== SERVICE || !id.endsWith(`.${SERVICE}`)) return;
    const known = this.#instances.get(id);
    if (record.ttlS === 0) {
      if (!known) return;
      withdraw(known, nowMs);
      // A goodbye can be forged, or come before a restart: a server that is there says so when asked.
      this.#browse.restart(nowMs + GRACE_MS / 2);
      return;
    }
    const life = lifetime(record.ttlS, nowMs, known);
    if (known) {
      Object.assign(known, life);
      known.isDirect ||= isDirect;
      return;
    }
    if (this.#instances.size >= MAX_INSTANCES) {
      if (this.#newcomers-- <= 0) return;
      this.#makeRoom();
      // What has been dropped has to say itself again, and soon.
      this.#browse.restart(nowMs + FIRST_INTERVAL_MS);
    }
    const name = record.instance;
    this.#instances.set(id, {
      name,
      // The location of any other comes with the answer to PTR.
      isAskable: isAskable(name.slice(0, -SERVICE.length - 1), 'label'),
      isDirect,
      question: new Schedule(nowMs),
      ...life,
    });
  }

  #makeRoom(): void {
    const newer = [...this.#instances].slice(MAX_INSTANCES / 2);
    const heard = newer.filter(([, { isDirect }]) => !isDirect);
    const from = heard.length > 0 ? heard : newer;
    const [victim] = from[Math.floor(this.#random() * from.length)] ?? [];
    if (victim !== undefined) this.#instances.delete(victim);
  }

  #location(record: DnsRecord & { type: 'SRV' }, nowMs: number): void {
    const instance = this.#instances.get(key(record.name));
    if (!instance || record.port === 0) return;
    const { location } = instance;
    if (record.ttlS === 0) {
      if (location && key(location.host) === key(record.host)) withdraw(location, nowMs);
      return;
    }
    const isSame = location && key(location.host) === key(record.host) && location.port === record.port;
    const life = lifetime(record.ttlS, nowMs, isSame ? location : undefined);
    instance.location = { host: record.host, port: record.port, ...life };
    instance.question.answered(life);
    const id = key(record.host);
    if (!this.#hosts.has(id)) {
      const name = record.host;
      this.#hosts.set(id, {
        name,
        isAskable: isAskable(name, 'name'),
        question: new Schedule(nowMs),
        addresses: new Map(),
      });
    }
  }

  #address(record: DnsRecord & { type: 'AAAA' | 'A' }, nowMs: number): void {
    const host = this.#hosts.get(key(record.name));
    if (!host || !isUsableAddress(record.address)) return;
    const known = host.addresses.get(record.address);
    if (record.ttlS === 0) {
      if (known) withdraw(known, nowMs);
      return;
    }
    if (record.flush) {
      for (const other of host.addresses.values()) {
        if (other.type === record.type && other.receivedMs < nowMs - GRACE_MS) withdraw(other, nowMs);
      }
    }
    if (!known && host.addresses.size >= MAX_ADDRESSES) this.#dropAddress(host, nowMs);
    const life = lifetime(record.ttlS, nowMs, known);
    host.addresses.set(record.address, { type: record.type, ...life });
    host.question.answered(life);
  }

  #dropAddress({ addresses }: Host, nowMs: number): void {
    const withdrawn = [...addresses].find(([, life]) => isWithdrawn(life, nowMs));
    const victim = withdrawn?.[0] ?? dispensable([...addresses.keys()], this.#random());
    if (victim !== undefined) addresses.delete(victim);
  }

  #askableInstances(): Instance[] {
    return [...this.#instances.values()].filter(instance => instance.isAskable);
  }

  #askableHosts(): Host[] {
    return [...this.#hosts.values()].filter(host => host.isAskable);
  }

  /** Of a service without a location or address nothing is said, so that the answer brings them along. */
  #knownAnswers(nowMs: number): Query['knownAnswers'] {
    const complete = new Set(this.services(nowMs).map(service => `${service.instance}.${SERVICE}`));
    return this.#askableInstances()
      .filter(({ name, receivedMs, expiresMs }) => complete.has(name) && 2 * nowMs < receivedMs + expiresMs)
      .slice(0, MAX_KNOWN_ANSWERS)
      .map(({ name, expiresMs }) => ({ instance: name, ttlS: Math.floor((expiresMs - nowMs) / 1000) }));
  }

  /** Every record that is held, and how to drop it. */
  *#lives(): Generator<{ life: Lifetime; drop: () => void }> {
    for (const [id, instance] of this.#instances) {
      yield { life: instance, drop: () => this.#instances.delete(id) };
      const { location } = instance;
      if (location) yield { life: location, drop: () => (instance.location = undefined) };
    }
    for (const { addresses } of this.#hosts.values()) {
      for (const [address, life] of addresses) yield { life, drop: () => addresses.delete(address) };
    }
  }

  #expire(nowMs: number): void {
    for (const { life, drop } of this.#lives()) if (life.expiresMs <= nowMs) drop();
    this.#dropHosts();
  }

  #dropHosts(): void {
    const used = new Set<string>();
    for (const { location } of this.#instances.values()) if (location) used.add(key(location.host));
    for (const id of this.#hosts.keys()) if (!used.has(id)) this.#hosts.delete(id);
  }
}

/** Names are compared without case (RFC 6762 section 16). */
function key(name: string): string {
  return name.toLowerCase();
}
