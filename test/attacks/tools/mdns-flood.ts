/*
 * node mdns-flood.js KIND RATE [SOURCES]: a hostile neighbour on eth0 who sends RATE multicast DNS packets a second until its
 * standard input is closed; those of KIND, or of all kinds in turn. They come from its own address, or in turn from so many
 * made-up ones, which it has as fe80::a:1 and so on. Says in the end how many, as JSON.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { createServer, isIPv6 } from 'node:net';
import type { AddressInfo } from 'node:net';
import multicastDns from 'multicast-dns';
import type { DnsRecord } from '../../../server/discovery/records.js';

const GROUP = 'ff02::fb';
const PORT = 5353;
const TYPE = '_mandos._tcp.local';
const TICK_MS = 10;
/** More than a client keeps of one link. */
const FORGED = 5_000;

const [kind = '', rate = '', sources = '0'] = process.argv.slice(2);
const mdns = open(`${GROUP}%eth0`);
/** Those that send: what is said by each comes from its address. */
const mouths = Array.from({ length: Number(sources) }, (_, i) =>
  open(`fe80::a:${(i + 1).toString(16)}%eth0`),
);
if (mouths.length === 0) mouths.push(mdns);
let sent = 0;
const mouth = () => mouths[sent % mouths.length] ?? mdns;

function open(bind: string): multicastDns.MulticastDNS {
  const socket = createSocket({ type: 'udp6', reuseAddr: true });
  const opened = multicastDns({
    type: 'udp6',
    ip: GROUP,
    interface: '::%eth0',
    bind,
    loopback: false,
    socket,
  });
  opened.setMaxListeners(0);
  opened.on('error', () => {});
  return opened;
}

/** What the server has said of itself last. */
let genuine: DnsRecord[] = [];
mdns.on('response', ({ answers, additionals }) => {
  const all = [...(answers ?? []), ...(additionals ?? [])] as DnsRecord[];
  if (all.some(record => record.type === 'SRV' && record.ttl !== 0)) genuine = all;
});
/** Who asked last from a port of its own, to be answered there. */
let asker: RemoteInfo | undefined;
mdns.on('query', (_query, from) => {
  if (from.port !== PORT && isIPv6(from.address.split('%', 1)[0] ?? '')) asker = from;
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
    mouth().query({ questions });
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
    if (genuine.length > 0) mouth().respond(genuine.map(record => ({ ...record, ttl: 0 }) as DnsRecord));
  },
  /** The server is somewhere else, says the same. */
  takeovers: () => {
    const { name = '' } = genuine.find(({ type }) => type === 'SRV') ?? {};
    const { port } = tarpit.address() as AddressInfo;
    if (name !== '') announce(name.slice(0, -TYPE.length - 1), 'usurper.local', port, 'fe80::a:1');
  },
  /** Servers that are nowhere, said to the one alone who has asked. */
  answers: i => {
    const number = (i % FORGED) + 1;
    const to = asker;
    if (to) announce(`false ${number}`, `false-${number}.local`, 9, `fe80::dead:${number.toString(16)}`, to);
  },
};

function announce(label: string, host: string, port: number, address: string, to?: RemoteInfo): void {
  const name = `${label}.${TYPE}`;
  mouth().respond(
    [
      { type: 'PTR', name: TYPE, ttl: 4500, data: name },
      { type: 'SRV', name, ttl: 120, flush: true, data: { target: host, port, priority: 0, weight: 0 } },
      { type: 'AAAA', name: host, ttl: 120, flush: true, data: address },
    ],
    to,
  );
}

const wanted = Object.entries(KINDS).filter(([name]) => kind === 'all' || name === kind);
if (wanted.length === 0) throw new Error(`no such flood: ${kind}`);
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
