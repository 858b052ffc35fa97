import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Log } from '../../common/log.js';
import type { IpAddress, NetworkInterface } from '../../common/network-interfaces.js';
import { listInterfaces } from '../../common/network-interfaces.js';
import type { Family } from './link.js';
import { ipv4Address } from './link.js';
import { NameLog } from './name-log.js';
import { alternativeName, hostLabel, instanceLabel } from './name.js';
import type { Identity } from './records.js';
import type { ResponderEffects } from './responder.js';
import { Responder } from './responder.js';
import type { Publication, PublicationHooks, Service } from './service.js';
import { withLimit } from './service.js';

/** How often interfaces and addresses are looked at. Cheap (well below a millisecond), and a network comes up slowly. */
const POLL_MS = 2000;
/** Addresses that are told of one interface: an answer must fit into one packet. */
const ADDRESSES_LIMIT = 16;
/** RFC 6762 section 8.1: after so many conflicts, wait so long before each further name. */
const QUICK_CONFLICTS = 15;
const SLOW_RENAME_MS = 5000;
/** Random bytes of the host name. */
const HOST_RANDOM_BYTES = 4;
/** How long goodbyes may take when the service stops. */
const GOODBYE_LIMIT_MS = 1000;

export interface EmbeddedEffects extends ResponderEffects {
  readonly listInterfaces: () => NetworkInterface[];
  readonly hostname: () => string;
}

export const embeddedEffects: EmbeddedEffects = {
  listInterfaces,
  hostname,
  nowMs: () => performance.now(),
  random: Math.random,
};

/** Advertises with a responder of our own on each interface and family; follows both as they come and go. */
export function publishEmbedded(
  service: Service,
  log: Log,
  hooks: Pick<PublicationHooks, 'renamed'>,
  effects: EmbeddedEffects = embeddedEffects,
): Publication {
  return new EmbeddedPublication(service, log, hooks, effects);
}

/** One interface and family to advertise on. */
export interface WantedLink {
  /** Differs where the socket must: when the interface is created again, or its first IPv4 address is another. */
  readonly key: string;
  readonly on: NetworkInterface;
  readonly family: Family;
  /** What is told of the interface, link-local addresses first. */
  readonly addresses: readonly IpAddress[];
}

/** Where a service is to be advertised now: never on loopback, point-to-point, or without multicast or an address. */
export function wantedLinks(service: Service, interfaces: readonly NetworkInterface[]): WantedLink[] {
  return interfaces
    .filter(on => on.running && on.multicast && !on.loopback && !on.pointToPoint)
    .filter(on => service.interface === undefined || service.interface === on.name)
    .flatMap(on => {
      const usable = on.addresses.filter(
        address => !address.tentative && (service.family === 'any' || address.family === 'ipv4'),
      );
      const told = usable.filter(({ address }) => (service.address ?? address) === address);
      if (told.length === 0) return [];
      const sorted = told.toSorted((a, b) => Number(b.linkLocal) - Number(a.linkLocal));
      const link = (family: Family, key: string): WantedLink => ({
        key: `${on.name} ${on.index} ${key}`,
        on,
        family,
        addresses: sorted.slice(0, ADDRESSES_LIMIT),
      });
      const links = [];
      // Multicast on a link comes from its link-local address.
      if (usable.some(({ family, linkLocal }) => family === 'ipv6' && linkLocal)) {
        links.push(link('ipv6', 'ipv6'));
      }
      const ipv4 = ipv4Address(on);
      if (ipv4 !== undefined) links.push(link('ipv4', ipv4));
      return links;
    });
}

/** Why there is nowhere to advertise a service, for the log. */
export function whyNowhere(service: Service, interfaces: readonly NetworkInterface[]): string {
  const { interface: name, address } = service;
  if (name === undefined) {
    return address === undefined
      ? 'no network interface is up and has an address that can be used'
      : `no network interface that is up has the address ${address}`;
  }
  const on = interfaces.find(each => each.name === name);
  if (!on) return `there is no interface ${name}`;
  if (on.loopback || on.pointToPoint) return `${name} is a loopback or point-to-point interface`;
  if (!on.multicast) return `${name} is an interface without multicast`;
  if (!on.running) return `${name} is down or has no carrier`;
  return address === undefined
    ? `${name} has no address that can be used`
    : `${name} does not have the address ${address}`;
}

class EmbeddedPublication implements Publication {
  readonly #service: Service;
  readonly #log: Log;
  readonly #hooks: Pick<PublicationHooks, 'renamed'>;
  readonly #effects: EmbeddedEffects;
  readonly #responders = new Map<string, { readonly link: WantedLink; readonly responder: Responder }>();
  readonly #poll: NodeJS.Timeout;
  /** What has been said of links that fail, so that it is said once. */
  readonly #complaints = new Set<string>();
  readonly #nameLog: NameLog;
  #identity: Identity;
  #conflicts = 0;
  #reported = '';
  /** The interfaces, when none of them will do. */
  #unsuitable: readonly NetworkInterface[] | undefined;
  #stopped = false;

  constructor(
    service: Service,
    log: Log,
    hooks: Pick<PublicationHooks, 'renamed'>,
    effects: EmbeddedEffects,
  ) {
    this.#service = service;
    this.#log = log;
    this.#nameLog = new NameLog(log, effects.nowMs);
    this.#hooks = hooks;
    this.#effects = effects;
    this.#identity = {
      instance: instanceLabel(service.name),
      host: hostLabel(effects.hostname(), randomBytes(HOST_RANDOM_BYTES).toString('hex')),
      port: service.port,
    };
    this.#poll = setInterval(() => this.#follow(), POLL_MS);
    this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#poll);
    const goodbyes = [...this.#responders.values()].map(({ responder }) => responder.stop());
    await withLimit(Promise.all(goodbyes), GOODBYE_LIMIT_MS);
  }

  /** Brings the responders in line with the interfaces. */
  #follow(): void {
    let wanted;
    try {
      const interfaces = this.#effects.listInterfaces();
      wanted = wantedLinks(this.#service, interfaces);
      this.#unsuitable = wanted.length === 0 ? interfaces : undefined;
    } catch (error) {
      this.#complain('interfaces', `cannot list the network interfaces: ${String(error)}`);
      return;
    }
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, { responder }] of this.#responders) {
      if (keys.has(key)) continue;
      this.#responders.delete(key);
      responder.abandon();
    }
    for (const link of wanted) {
      const present = this.#responders.get(link.key);
      if (present) present.responder.setAddresses(link.on, link.addresses);
      else this.#open(link);
    }
    this.#report();
  }

  #open(link: WantedLink): void {
    const { key, on, family, addresses } = link;
    const hooks = {
      established: () => this.#onEstablished(link),
      taken: () => this.#onTaken(),
      disputed: () => {
        const name = this.#identity.instance;
        this.#nameLog.warning(
          `Zeroconf: another host on ${on.name} claims the name "${name}"; probing for it again`,
        );
      },
      failed: (error: NodeJS.ErrnoException) => this.#onFailed(link, error),
    };
    const responder = new Responder(on, family, this.#identity, addresses, hooks, this.#effects);
    this.#responders.set(key, { link, responder });
  }

  #onEstablished(link: WantedLink): void {
    this.#conflicts = 0;
    for (const complaint of this.#complaints) {
      if (complaint.startsWith(`${link.key} `)) this.#complaints.delete(complaint);
    }
    this.#report();
  }

  #onTaken(): void {
    const taken = this.#identity.instance;
    const name = alternativeName(taken);
    this.#identity = { ...this.#identity, instance: name };
    this.#conflicts += 1;
    this.#nameLog.warning(`Zeroconf: the name "${taken}" is another host's; trying "${name}"`);
    this.#hooks.renamed(name);
    const delayMs = this.#conflicts < QUICK_CONFLICTS ? 0 : SLOW_RENAME_MS;
    for (const { responder } of this.#responders.values()) responder.rename(this.#identity, delayMs);
  }

  /** A link that fails is closed; the next look at the interfaces opens it again if it is still there. */
  #onFailed({ key, on, family }: WantedLink, error: NodeJS.ErrnoException): void {
    this.#responders.get(key)?.responder.abandon();
    this.#responders.delete(key);
    const hint =
      error.code === 'EADDRINUSE'
        ? 'another program has UDP port 5353 for itself (avahi-daemon with disallow-other-stacks=yes?)'
        : error.message;
    const version = family === 'ipv6' ? 'IPv6' : 'IPv4';
    this.#complain(`${key} ${error.code ?? ''}`, `cannot advertise on ${on.name} over ${version}: ${hint}`);
  }

  #complain(id: string, text: string): void {
    if (this.#stopped || this.#complaints.has(id)) return;
    this.#complaints.add(id);
    this.#log.warning(`Zeroconf: ${text}; still trying`);
  }

  /** Says where the service is advertised, when that has changed and no link is still probing. */
  #report(): void {
    const responders = [...this.#responders.values()];
    if (this.#stopped || responders.some(({ responder }) => !responder.isEstablished)) return;
    const names = [...new Set(responders.map(({ link }) => link.on.name))].join(', ');
    const state = names && `"${this.#identity.instance}" on ${names}`;
    if (state === this.#reported && state !== '') return;
    this.#reported = state;
    if (state !== '') {
      this.#log.info(`Zeroconf: advertised as ${state}`);
      this.#complaints.delete('none');
    } else if (this.#unsuitable) {
      this.#complain('none', `not advertised: ${whyNowhere(this.#service, this.#unsuitable)}`);
    }
  }
}
