import { fileURLToPath } from 'node:url';
import type multicastDns from 'multicast-dns';
import type { Service } from '../../../server/discovery/advertiser.js';
import type { DnsRecord } from '../../../server/discovery/records.js';
import type { Child } from '../../support/child.js';
import { DEFAULT_WAIT_MS } from '../../support/child.js';
import type { Host } from '../../support/namespace.js';

/** What is printed for a packet. */
export interface Packet {
  readonly from: string;
  readonly port: number;
  /** An answer to us alone. */
  readonly unicast: boolean;
  readonly type: 'query' | 'response';
  readonly id: number;
  readonly questions: readonly { name: string; type: string }[];
  readonly answers: readonly PrintedRecord[];
  readonly authorities: readonly PrintedRecord[];
  readonly additionals: readonly PrintedRecord[];
}

export interface PrintedRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly flush: boolean;
  readonly data: unknown;
}

/** What the neighbour is to say. */
export interface Command {
  readonly query?: multicastDns.QueryOutgoingPacket;
  readonly response?: multicastDns.ResponseOutgoingPacket;
  /** A query from a port of its own. */
  readonly legacyQuery?: multicastDns.QueryOutgoingPacket;
  readonly legacyResponse?: multicastDns.ResponseOutgoingPacket;
  /** Any bytes, hexadecimal. */
  readonly raw?: string;
  /** Gives these answers to each query for the name from now on. */
  readonly defend?: { readonly name: string; readonly answers: DnsRecord[] };
  /**
   * Disputes every name of the type from now on: claims what is announced; to a probe it says nothing, or that the name
   * is its own, or it probes at the same time and wins the tie.
   */
  readonly dispute?: 'claims' | 'answers' | 'probes';
  readonly times?: number;
  /** Pause after each of `times`. Default: none. */
  readonly everyMs?: number;
}

export const TYPE = '_mandos._tcp.local';
export const INSTANCE = `Mandos.${TYPE}`;
/** The question of one who looks for servers. */
export const BROWSE = { questions: [{ name: TYPE, type: 'PTR' as const }] };
/** The same of one who wants an answer to itself alone. */
export const ONE_SHOT = { legacyQuery: { id: 1, ...BROWSE } };

const ASK_AGAIN_MS = 1000;

/** Another host's records for the instance, as its own. */
export function foreignService(instance = INSTANCE, port = 9): DnsRecord[] {
  const data = { target: 'foreign.local', port, priority: 0, weight: 0 };
  return [
    { name: instance, type: 'SRV', ttl: 120, flush: true, data },
    { name: instance, type: 'TXT', ttl: 4500, flush: true, data: [''] },
    { name: TYPE, type: 'PTR', ttl: 4500, data: instance },
  ];
}

/** A host on the link that hears and says. */
export class Neighbour {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** @param ipv4 the host's address, to speak IPv4 */
  static async start(host: Host, device = 'eth0', ipv4?: string): Promise<Neighbour> {
    const child = startProgram(host, 'neighbour-child.js', [device, ...(ipv4 === undefined ? [] : [ipv4])]);
    await child.waitForOutput(/^ready$/m);
    return new Neighbour(child);
  }

  /** All that was heard so far. */
  get packets(): Packet[] {
    const lines = this.#child.stdout.split('\n').slice(0, -1);
    return lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Packet);
  }

  say(command: Command): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
  }

  /** Leaves the link. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }

  /** Waits for a packet. @param from how many of `packets` are not looked at */
  async hear(wanted: (packet: Packet) => boolean, from = 0): Promise<Packet> {
    for (;;) {
      const { length } = this.#child.output;
      const found = this.packets.slice(from).find(wanted);
      if (found) return found;
      await this.#child.waitForOutput(/\n/, undefined, length);
    }
  }
}

/** Says something again and again, since packets get lost, until an answer is heard. */
export async function askUntilHeard(
  neighbour: Neighbour,
  command: Command,
  wanted: (packet: Packet) => boolean,
): Promise<Packet> {
  const { length } = neighbour.packets;
  const question = JSON.stringify(command);
  neighbour.say(command);
  const again = setInterval(() => neighbour.say(command), ASK_AGAIN_MS);
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(`no such answer to ${question}`)), DEFAULT_WAIT_MS);
  });
  try {
    return await Promise.race([neighbour.hear(wanted, length), late]);
  } finally {
    clearInterval(again);
    clearTimeout(limit);
  }
}

/** Whether a packet has a record like this in its answers. */
export function answers(like: Partial<PrintedRecord>): (packet: Packet) => boolean {
  return packet =>
    packet.type === 'response' &&
    packet.answers.some(record =>
      Object.entries(like).every(([key, value]) => record[key as keyof PrintedRecord] === value),
    );
}

/** Data of a packet's answers of one type. */
export function dataOf(packet: Packet, type: string): unknown[] {
  return packet.answers.filter(record => record.type === type).map(({ data }) => data);
}

export const announced = answers({ type: 'PTR', name: TYPE, data: INSTANCE, ttl: 4500 });
export const isGoodbye = answers({ type: 'PTR', name: TYPE, data: INSTANCE, ttl: 0 });

export function startProgram(host: Host, script: string, args: readonly string[]): Child {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return host.spawn(process.execPath, [path, ...args], { keepInputOpen: true });
}

/** Starts to advertise on a host. */
export function startAdvertiser(
  host: Host,
  service: Partial<Service> = {},
  ...more: 'stopped-clock'[]
): Child {
  const whole: Service = { name: 'Mandos', port: 4711, family: 'any', ...service };
  return startProgram(host, 'advertise-child.js', [JSON.stringify(whole), ...more]);
}

/** Stops it as the server does, and waits until it has. */
export async function stopAdvertiser(child: Child): Promise<void> {
  child.stdin.end();
  const exit = await child.waitForExit();
  if (exit.code !== 0) throw new Error(`the advertiser failed: ${child.tail()}`);
}

/** What avahi-browse resolves on a host where Avahi runs: one line `=;…` for each interface, family and instance. */
export async function browse(host: Host): Promise<string[][]> {
  const { stdout } = await host.run('avahi-browse', ['-rpt', '_mandos._tcp']);
  const lines = stdout.split('\n').filter(line => line.startsWith('='));
  // Avahi writes other characters than letters and digits of a name as \DDD.
  const plain = (text: string) =>
    text.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code)));
  return lines.map(line => line.split(';').map(plain));
}
