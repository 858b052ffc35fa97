import { isIP } from 'node:net';
import { formatEndpoint } from '../../common/endpoint.js';
import type { Finding } from '../../common/explanation.js';
import { note, ok, problem, unknown } from '../../common/explanation.js';
import { isLoopback } from '../../common/ip-address.js';
import { listed } from '../../common/listed.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import { SERVER_PRIORITY } from '../../common/protocol.js';
import { networkMatcher } from '../config/networks.js';
import type { ServerOptions } from '../options.js';
import { isOnLink } from '../release/address-unit.js';
import type { Facts } from './facts.js';

/** Names and addresses in one line. */
const NAMED = 4;
/** Stands for all of fe80::/10, where clients that find the server by Zeroconf come from. */
const A_LINK_LOCAL = 'fe80::1';

/** Whether a client can get a connection: interface, port, who may connect, and how it is found. */
export function networkFindings(facts: Facts): Finding[] {
  return [
    interfaceFinding(facts),
    ...portFindings(facts),
    ...permissionFindings(facts),
    ...zeroconfFindings(facts),
    ...priorityFindings(facts),
  ];
}

/** The one that the server uses alone; undefined for all. */
function onlyInterface({ server, configuration: { options } }: Facts): string | undefined {
  const inUse = server.kind === 'on-bus' ? server.interface : undefined;
  return inUse || options.interface;
}

function interfaceFinding(facts: Facts): Finding {
  const { interfaces } = facts.network;
  const only = onlyInterface(facts);
  const outside = interfaces.filter(({ loopback }) => !loopback);
  if (only === undefined) {
    const usable = outside.filter(isUsable).map(({ name }) => name);
    if (usable.length > 0) return ok(`connected to the network by ${listed(usable, NAMED)}`);
    const names = outside.map(({ name }) => name);
    const which = names.length === 0 ? 'there is none' : listed(names, NAMED);
    return problem(
      `no network interface is up, with a carrier and an address (${which})`,
      'connect this host to the network ("ip addr")',
    );
  }
  const nic = interfaces.find(({ name }) => name === only);
  const names = outside.map(({ name }) => name);
  if (!nic) {
    const others = names.length === 0 ? '' : ` (there are ${listed(names, NAMED)})`;
    return problem(
      `the network interface ${only}, of the option "interface", does not exist${others}`,
      'correct mandos.conf and restart the server',
    );
  }
  if (isUsable(nic)) return ok(`network interface ${only} is up`);
  const lacking = !nic.up ? 'is down' : !nic.running ? 'has no carrier' : 'has no address';
  return problem(
    `the network interface ${only}, of the option "interface", ${lacking}`,
    `bring it up ("ip link set ${only} up")`,
  );
}

function isUsable({ running, addresses }: NetworkInterface): boolean {
  return running && addresses.some(({ tentative }) => !tentative);
}

function portFindings(facts: Facts): Finding[] {
  const { server, network } = facts;
  const { port, dials } = network;
  if (server.kind === 'none' || server.kind === 'hidden') return [];
  if (port === undefined) {
    return [unknown('which port the server has is not known here', 'its log says "listening on"')];
  }
  const address = server.kind === 'on-bus' ? server.address : facts.configuration.options.address;
  if (address !== undefined && isIP(address) !== 0 && isLoopback(address)) {
    return [
      ...dialFindings(facts, port),
      note(`the server listens on ${address} only: other machines need a tunnel to reach it`),
    ];
  }
  const only = onlyInterface(facts);
  if (dials.length === 0 && only !== undefined) {
    const why = `is bound to ${only}, so that only other machines can connect`;
    return [unknown(`port ${port} ${why}`, 'try it from one of them')];
  }
  return dialFindings(facts, port);
}

function dialFindings({ network: { dials }, configuration }: Facts, port: number): Finding[] {
  if (dials.length === 0) return [unknown(`port ${port}: there is no address to try it at`)];
  const good = dials.filter(({ fault, closed }) => fault === undefined && !closed);
  const bad = dials.filter(({ fault }) => fault !== undefined);
  const findings: Finding[] = [];
  if (good.length > 0) {
    const where = listed(
      good.map(({ address }) => address),
      NAMED,
    );
    findings.push(ok(`port ${port} takes connections of this host, at ${where}`));
  }
  findings.push(...closedFindings(dials, configuration.options));
  const [first] = bad;
  if (!first) return findings;
  const where = listed(
    bad.map(({ address }) => formatEndpoint(address, port)),
    NAMED,
  );
  const text = `nothing takes connections at ${where}: ${first.fault ?? ''}`;
  return [
    ...findings,
    bad.length < dials.length
      ? note(text)
      : problem(text, 'see the firewall ("nft list ruleset") and routes ("ip route") of this host'),
  ];
}

/** Connections of this host that the server has taken and closed at once. */
function closedFindings(dials: Facts['network']['dials'], options: ServerOptions): Finding[] {
  const closed = dials.filter(dial => dial.closed).map(({ address }) => address);
  const isMeant = (address: string) =>
    isRefused(options, address) || (options.linkLocalOnly && !isOnLink(address));
  const meant = closed.filter(isMeant);
  const other = closed.filter(address => !isMeant(address));
  const findings: Finding[] = [];
  if (meant.length > 0) {
    const why = 'may not connect (allow, deny, link_local_only): the port was not tried as a client would';
    findings.push(note(`this host's own ${listed(meant, NAMED)} ${why}`));
  }
  if (other.length > 0) {
    const where = listed(other, NAMED);
    findings.push(
      unknown(
        `the server closes connections of this host at ${where} at once: it has too many, or refuses the address`,
        'its log says which ("refused")',
      ),
    );
  }
  return findings;
}

function isRefused({ allow, deny }: ServerOptions, address: string): boolean {
  return (allow !== '' && !networkMatcher(allow)(address)) || networkMatcher(deny)(address);
}

function permissionFindings({ configuration: { options }, subject }: Facts): Finding[] {
  const { allow, deny, linkLocalOnly } = options;
  if (allow === '' && deny === '' && !linkLocalOnly) return [];
  const refused = (address: string) => isRefused(options, address);
  const findings: Finding[] = [];
  const host = (subject?.client?.settings ?? subject?.configured)?.host ?? '';
  if (linkLocalOnly) {
    findings.push(note('only link-local addresses may connect (link_local_only): no other network can'));
  } else if (isIP(host) !== 0 && refused(host)) {
    const advice = 'correct "allow" and "deny" in mandos.conf, and reload';
    findings.push(problem(`the client's address ${host} may not connect (allow, deny)`, advice));
  }
  if (refused(A_LINK_LOCAL)) {
    const text = 'link-local addresses (fe80::/10) may not connect (allow, deny)';
    findings.push(
      linkLocalOnly
        ? problem(`${text}, and nobody else may (link_local_only)`, 'correct mandos.conf, and reload')
        : note(`${text}: clients that find the server by Zeroconf come from there first`),
    );
  }
  if (isIP(host) === 0 && !linkLocalOnly) {
    const whom = host === '' ? 'the client' : host;
    const text = `whether "allow" and "deny" let ${whom} connect is not known: names are not resolved`;
    findings.push(unknown(text, 'see that they let in the addresses from which it asks'));
  }
  return findings.length > 0 ? findings : [ok(`"allow" and "deny" let the client's address ${host} connect`)];
}

function zeroconfFindings({ network, configuration: { options }, server }: Facts): Finding[] {
  const { port, heardOn, announcements, avahi } = network;
  if (server.kind === 'none' || server.kind === 'hidden') return [];
  const others = announcements.map(service => `"${service.instance}" port ${service.port}`);
  if (port === undefined && others.length > 0) {
    return [unknown(`announced here: ${listed(others, NAMED)}; whether that is this server is not known`)];
  }
  const own = announcements.find(service => service.port === port);
  if (own) {
    const by = avahi ? 'by Avahi' : 'by the server itself';
    return [ok(`announced as "${own.instance}" ${by}, and found`)];
  }
  if (!options.zeroconf) {
    return [note(`the server is not announced: clients need --connect=ADDRESS:${port ?? 'PORT'}`)];
  }
  if (heardOn === undefined || heardOn.length === 0) {
    return [unknown('whether the server is announced was not tried: no network interface can be used')];
  }
  const rest = others.length === 0 ? '' : ` (found: ${listed(others, NAMED)})`;
  const text = `the server is not found by Zeroconf (_mandos._tcp) on ${listed(heardOn, NAMED)}${rest}`;
  const cause = avahi ? 'the log of avahi-daemon and of the server' : "the server's log";
  return [
    problem(text, `see ${cause}, and the firewall (UDP port 5353), or give clients --connect=ADDRESS:PORT`),
  ];
}

function priorityFindings({ configuration: { faults, options } }: Facts): Finding[] {
  if (faults.some(({ key }) => key === 'priority' || key === '--priority')) return [];
  if (options.priority === SERVER_PRIORITY) return [ok('the TLS priority string is the usual one')];
  return [
    note(`the TLS priority string is valid: ${options.priority}`, 'clients need one that fits (--priority)'),
  ];
}
