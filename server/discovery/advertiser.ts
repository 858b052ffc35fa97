import { isIP, isIPv6, SocketAddress } from 'node:net';
import type { Log } from '../../common/log.js';
import { publishThroughAvahi } from './avahi.js';
import type { AvahiServer } from './avahi-watch.js';
import { watchAvahi } from './avahi-watch.js';
import { publishEmbedded } from './embedded.js';
import type { Publication, PublicationHooks, Service } from './service.js';

export type { Service } from './service.js';

/**
 * How long Avahi or the bus may be away, or silent at the start, before the embedded responder takes over: a restart
 * of Avahi takes about a second, and one that is short need not be seen by the clients.
 */
const AVAHI_GRACE_MS = 3000;

export interface Advertiser {
  /** The name in use; other than asked for when another host has that. */
  readonly name: string;
  /** Takes the service back. Takes some seconds at most; never rejects. */
  stop(): Promise<void>;
}

/** The ways to advertise. */
export interface AdvertiserEffects {
  readonly watchAvahi: typeof watchAvahi;
  readonly publishThroughAvahi: typeof publishThroughAvahi;
  readonly publishEmbedded: typeof publishEmbedded;
}

/**
 * Advertises the service until stopped: through Avahi while that is on the system bus, else with the embedded
 * responder, and moves between the two as Avahi comes and goes.
 *
 * Returns at once and never throws for what the network or the bus does: that is logged and tried again.
 */
export function advertise(
  service: Service,
  log: Log,
  effects: AdvertiserEffects = { watchAvahi, publishThroughAvahi, publishEmbedded },
): Advertiser {
  return new SwitchingAdvertiser(service, log, effects);
}

/** Who advertises: nobody for the moment, the embedded responder, or this Avahi. */
type Target = 'nobody' | 'embedded' | AvahiServer;

class SwitchingAdvertiser implements Advertiser {
  readonly #log: Log;
  readonly #effects: AdvertiserEffects;
  readonly #watch: { close(): void };
  /** With the name in use: one that was found free is kept. */
  #service: Service;
  #wanted: Target = 'nobody';
  #current: Target = 'nobody';
  #publication: Publication | undefined;
  #switching: Promise<void> = Promise.resolve();
  #grace: NodeJS.Timeout;
  /** An Avahi that could not establish the service; it is not tried again until it has restarted. */
  #failed: AvahiServer | undefined;
  #isStopped = false;

  constructor(service: Service, log: Log, effects: AdvertiserEffects) {
    this.#service = normalize(service);
    this.#log = log;
    this.#effects = effects;
    this.#grace = this.#startGrace();
    this.#watch = effects.watchAvahi(
      {
        available: server => this.#onAvahi(server),
        unavailable: (reason, soon) => this.#onNoAvahi(reason, soon),
      },
      log,
    );
  }

  get name(): string {
    return this.#service.name;
  }

  async stop(): Promise<void> {
    this.#want('nobody');
    this.#isStopped = true;
    await this.#switching;
    this.#watch.close();
  }

  #onAvahi(server: AvahiServer): void {
    const hasFailed = server.owner === this.#failed?.owner && server.bus === this.#failed.bus;
    if (!hasFailed) this.#want(server);
  }

  #onNoAvahi(reason: string, soon: boolean): void {
    if (this.#wanted === 'embedded' || this.#isStopped) return;
    if (this.#wanted !== 'nobody') {
      this.#log.warning(`Zeroconf: ${reason}`);
      this.#want('nobody');
      this.#grace = this.#startGrace();
    } else if (!soon) {
      this.#log.info(`Zeroconf: ${reason}; advertising without Avahi`);
      this.#want('embedded');
    }
  }

  #startGrace(): NodeJS.Timeout {
    return setTimeout(() => {
      this.#log.info('Zeroconf: advertising without Avahi');
      this.#want('embedded');
    }, AVAHI_GRACE_MS);
  }

  #want(target: Target): void {
    if (this.#isStopped) return;
    clearTimeout(this.#grace);
    this.#wanted = target;
    this.#switching = this.#switching.then(() => this.#switch());
  }

  async #switch(): Promise<void> {
    if (this.#current === this.#wanted) return;
    this.#current = 'nobody';
    // Never both at once: each would take the other for another host that has the name.
    await this.#publication?.stop();
    this.#publication = undefined;
    const target = this.#wanted;
    this.#current = target;
    if (target !== 'nobody') this.#publication = this.#publish(target);
  }

  #publish(target: AvahiServer | 'embedded'): Publication {
    const hooks: PublicationHooks = {
      renamed: name => {
        this.#service = { ...this.#service, name };
      },
      failed: reason => {
        if (this.#current !== target) return;
        this.#log.warning(`Zeroconf: ${reason}; advertising without Avahi`);
        if (target !== 'embedded') this.#failed = target;
        this.#want('embedded');
      },
    };
    return target === 'embedded'
      ? this.#effects.publishEmbedded(this.#service, this.#log, hooks)
      : this.#effects.publishThroughAvahi(target, this.#service, this.#log, hooks);
  }
}

/** The service with its address as the kernel's lists have it, and without one that means any. */
function normalize(service: Service): Service {
  const { address: given, ...rest } = service;
  const [text = ''] = (given ?? '').split('%', 1);
  if (!isIP(text)) return rest;
  const { address } = new SocketAddress({ address: text, family: isIPv6(text) ? 'ipv6' : 'ipv4' });
  return address === '::' || address === '0.0.0.0' ? rest : { ...rest, address };
}
