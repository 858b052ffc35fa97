import type { Clock } from '../clock.js';
import type { Log } from '../../common/log.js';
import type { IpAddress, NetworkInterface } from '../../common/network-interfaces.js';
import type { InterfaceChoice } from '../network/interfaces.js';
import { followInterfaces } from '../network/interfaces.js';
import type { ServerSource } from '../obtain.js';
import type { Server, Target } from '../server-tries.js';
import { isInSubnet, isLinkLocal } from './addresses.js';
import type { MdnsLink } from './mdns.js';
import { openMdnsLink } from './mdns.js';
import { ServiceResolver } from './service-resolver.js';

/** Between two looks at what the records that came make: in a flood it is not done for each message. */
const STEP_GAP_MS = 10;

export interface ZeroconfOptions {
  readonly choice: InterfaceChoice;
  readonly list: () => NetworkInterface[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

/** Looks for servers on every chosen interface at once, as interfaces come and go. */
export function zeroconfSource(options: ZeroconfOptions): ServerSource {
  return (report, signal) => {
    const links = new Map<string, Link>();
    let before = '';
    const changed = () => report([...links.values()].flatMap(link => link.servers()));
    followInterfaces({ ...options, signal }, ready => {
      // An interface that was made anew under the same name is another link.
      const wanted = new Map(ready.map(nic => [`${nic.name} ${nic.index}`, nic]));
      for (const [id, link] of links) {
        if (wanted.has(id)) continue;
        link.close();
        links.delete(id);
      }
      for (const [id, nic] of wanted) {
        const link = links.get(id) ?? new Link(nic.name, options, changed);
        links.set(id, link);
        link.use(nic);
      }
      const names = ready.map(({ name }) => name).join(', ');
      if (names !== before) {
        options.log.info(
          names ? `looking for servers on ${names}` : 'no network interface is ready any more',
        );
        before = names;
      }
      changed();
    });
    signal.addEventListener('abort', () => {
      for (const link of links.values()) link.close();
    });
  };
}

/** One interface: a socket for each family that it has, and what was heard there. */
class Link {
  readonly #name: string;
  readonly #options: ZeroconfOptions;
  readonly #changed: () => void;
  readonly #resolver: ServiceResolver;
  #locals = '';
  #sockets: MdnsLink[] = [];
  #known = '[]';
  #steppedMs = -Infinity;
  #cancelTimer = () => {};

  constructor(name: string, options: ZeroconfOptions, changed: () => void) {
    this.#name = name;
    this.#options = options;
    this.#changed = changed;
    this.#resolver = new ServiceResolver(options.clock.nowMs(), options.random);
  }

  /** Opens its sockets, again when the addresses have changed that they hold. */
  use(nic: NetworkInterface): void {
    const ipv6 = nic.addresses.find(
      ({ linkLocal, tentative, family }) => family === 'ipv6' && linkLocal && !tentative,
    );
    const ipv4 = nic.addresses.filter(({ family }) => family === 'ipv4');
    const locals = JSON.stringify([ipv6, ipv4]);
    if (locals === this.#locals) return;
    this.#locals = locals;
    this.close();
    if (ipv6) this.#open(ipv6, from => isLinkLocal(from) && from.endsWith(`%${this.#name}`));
    if (ipv4[0]) this.#open(ipv4[0], from => ipv4.some(own => isInSubnet(from, own)));
    this.#resolver.restart(this.#options.clock.nowMs());
    this.#step();
  }

  servers(): Server[] {
    const servers = new Map<string, Server>();
    for (const { instance, host, port, addresses, isDirect } of this.#resolver.services(
      this.#options.clock.nowMs(),
    )) {
      // Without its name: a server that others dispute it with takes another each second, and is the same.
      const key = JSON.stringify([this.#name, host.toLowerCase(), port]);
      const before = servers.get(key);
      const targets = addresses.map((address): Target => ({
        host: isLinkLocal(address) ? `${address}%${this.#name}` : address,
        port,
        origin: 'zeroconf',
        label: instance,
      }));
      servers.set(
        key,
        before ? { ...before, isDirect: before.isDirect || isDirect } : { key, targets, isDirect },
      );
    }
    return [...servers.values()];
  }

  close(): void {
    this.#cancelTimer();
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
  }

  #open({ family, address }: IpAddress, isFromLink: (address: string) => boolean): void {
    const { log, clock } = this.#options;
    const socket = openMdnsLink({
      family,
      interfaceName: this.#name,
      localAddress: address,
      isFromLink,
      nowMs: () => clock.nowMs(),
      onRecords: (records, isDirect) => {
        if (!this.#sockets.includes(socket)) return; // what was under way when it was closed
        this.#resolver.receive(records, clock.nowMs(), isDirect);
        this.#stepSoon();
      },
      onError: message =>
        log.warning(`no announcements are heard on ${this.#name} over ${family}, only answers: ${message}`),
    });
    this.#sockets.push(socket);
  }

  #stepSoon(): void {
    const { clock } = this.#options;
    const waitMs = this.#steppedMs + STEP_GAP_MS - clock.nowMs();
    if (waitMs <= 0) {
      this.#step();
      return;
    }
    this.#cancelTimer();
    this.#cancelTimer = clock.after(waitMs, () => this.#step());
  }

  #step(): void {
    this.#cancelTimer();
    const { clock } = this.#options;
    this.#steppedMs = clock.nowMs();
    const query = this.#resolver.query(clock.nowMs());
    if (query) {
      const hosts = this.#resolver.hosts();
      for (const socket of this.#sockets) {
        socket.setHosts(hosts);
        socket.send(query);
      }
    }
    const known = JSON.stringify(this.servers());
    const isNew = known !== this.#known;
    this.#known = known;
    this.#cancelTimer = clock.after(Math.max(0, this.#resolver.nextMs() - clock.nowMs()), () => this.#step());
    if (isNew) this.#changed();
  }
}
