/**
 * Another host on the link, run in a network namespace: prints each multicast DNS packet that it hears (not its own)
 * as a line of JSON, and says what it is told to, one JSON command a line. Arguments: interface, its IPv4 address to
 * use IPv4.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import multicastDns from 'multicast-dns';
import type { Command, Packet } from './neighbour.js';
import { foreignService, TYPE } from './neighbour.js';

const [device = '', ipv4] = process.argv.slice(2);
const options =
  ipv4 === undefined
    ? { type: 'udp6' as const, ip: 'ff02::fb', interface: `::%${device}`, bind: `ff02::fb%${device}` }
    : { type: 'udp4' as const, ip: '224.0.0.251', interface: ipv4, bind: '224.0.0.251' };

const group = createSocket({ type: options.type, reuseAddr: true });
const mdns = multicastDns({ ...options, loopback: false, socket: group });
// Its port is its own, as that of dig or a simple resolver.
const legacy = multicastDns({ ...options, bind: false, socket: createSocket(options.type) });
let defended: Command['defend'];
let disputes: Command['dispute'];

mdns.on('packet', (packet: multicastDns.FullPacket, from: RemoteInfo) => {
  print(packet, from, false);
  const isAsked = packet.type === 'query' && packet.questions?.some(({ name }) => name === defended?.name);
  if (isAsked && defended) mdns.respond(defended.answers);
  if (disputes) dispute(packet, disputes);
});
legacy.on('response', (packet, from) => print(packet, from, true));
mdns.on('ready', () => {
  process.stdout.write('ready\n');
  createInterface(process.stdin).on('line', line => void obey(JSON.parse(line) as Command));
});

function dispute(
  { type, authorities = [], answers = [] }: multicastDns.FullPacket,
  how: NonNullable<Command['dispute']>,
): void {
  for (const record of type === 'query' ? authorities : answers) {
    if (record.type !== 'SRV' || !record.name.endsWith(`.${TYPE}`) || record.ttl === 0) continue;
    const { name } = record;
    if (type === 'response' || how === 'answers') mdns.respond(foreignService(name));
    else if (how === 'probes')
      mdns.query({
        questions: [{ name, type: 'ANY' as 'SRV' }],
        authorities: foreignService(name, 65_535).slice(0, 2),
      });
  }
}

function print(packet: multicastDns.FullPacket, { address, port }: RemoteInfo, unicast: boolean): void {
  const { type, id, questions, answers, authorities, additionals } = packet;
  const seen = { from: address, port, unicast, type, id, questions, answers, authorities, additionals };
  process.stdout.write(`${JSON.stringify(seen satisfies Record<keyof Packet, unknown>)}\n`);
}

async function obey(command: Command): Promise<void> {
  const { query, response, legacyQuery, legacyResponse, raw, defend, times = 1, everyMs } = command;
  for (let i = 0; i < times; i++) {
    if (query) mdns.query(query);
    if (response) mdns.respond(response);
    if (legacyQuery) legacy.query(legacyQuery);
    if (legacyResponse) legacy.respond(legacyResponse);
    if (raw !== undefined) group.send(Buffer.from(raw, 'hex'), 5353, options.ip);
    if (everyMs !== undefined) await setTimeout(everyMs);
  }
  if (defend) defended = defend;
  disputes ??= command.dispute;
}
