import type { MethodCall } from '../../common/dbus/bus.js';
import { DbusError } from '../../common/dbus/bus.js';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { NetworkInterface } from '../../common/network-interfaces.js';
import { listInterfaces } from '../../common/network-interfaces.js';
import { SERVICE_TYPE } from '../../common/protocol.js';
import { NameLog } from './name-log.js';
import type { AvahiServer } from './avahi-watch.js';
import { callServer } from './avahi-watch.js';
import type { Publication, PublicationHooks, Service } from './service.js';
import { withLimit } from './service.js';

/** Names and numbers of Avahi 0.8's D-Bus interface (org.freedesktop.Avahi.EntryGroup.xml, avahi-common/defs.h). */
const ENTRY_GROUP = 'org.freedesktop.Avahi.EntryGroup';
const COLLISION_ERROR = 'org.freedesktop.Avahi.CollisionError';
const GROUP_ESTABLISHED = 2;
const GROUP_COLLISION = 3;
const GROUP_FAILURE = 4;
const ANY_INTERFACE = -1;
const PROTOCOL = { any: -1, ipv4: 0, ipv6: 1 };

/**
 * How long Avahi may take to establish the service under one name: it probes for 0.75 s and announces; a collision,
 * which starts it anew, is seen within 2 s.
 */
const ESTABLISH_LIMIT_MS = 10_000;
/** How long Avahi may take to answer a call: nobody finds the server meanwhile. One that runs takes milliseconds. */
const CALL_LIMIT_MS = 3000;
/** How long a stop waits for Avahi. */
const STOP_LIMIT_MS = 1000;
/** How often a named interface is looked at: Avahi knows it by its index, which changes when it is created again. */
const POLL_MS = 2000;

export interface AvahiEffects {
  readonly listInterfaces: () => NetworkInterface[];
}

/** Registers the service with a running Avahi, under another name if need be. */
export function publishThroughAvahi(
  server: AvahiServer,
  service: Service,
  log: Log,
  hooks: PublicationHooks,
  effects: AvahiEffects = { listInterfaces },
): Publication {
  return new AvahiPublication(server, service, log, hooks, effects);
}

class AvahiPublication implements Publication {
  readonly #server: AvahiServer;
  readonly #service: Service;
  readonly #log: Log;
  readonly #nameLog: NameLog;
  readonly #hooks: PublicationHooks;
  readonly #effects: AvahiEffects;
  #name: string;
  /** The object path of our entry group. */
  #group: string | undefined;
  /** What is registered is for this interface; undefined: nothing is. */
  #index: number | undefined;
  #endSignals: (() => void) | undefined;
  #late: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  /** One change of the group after another. */
  #work: Promise<void> = Promise.resolve();
  #established = false;
  #stopped = false;
  #waitReported = false;

  constructor(
    server: AvahiServer,
    service: Service,
    log: Log,
    hooks: PublicationHooks,
    effects: AvahiEffects,
  ) {
    this.#server = server;
    this.#service = service;
    this.#log = log;
    this.#nameLog = new NameLog(log, () => performance.now());
    this.#hooks = hooks;
    this.#effects = effects;
    this.#name = service.name;
    this.#then(() => this.#open());
    if (service.interface !== undefined) {
      this.#poll = setInterval(() => this.#then(() => this.#followIndex()), POLL_MS);
    }
  }

  async stop(): Promise<void> {
    this.#end();
    await withLimit(this.#free(), STOP_LIMIT_MS);
  }

  async #free(): Promise<void> {
    await this.#work;
    this.#endSignals?.();
    // With its group Avahi takes the service back, and says goodbye.
    if (this.#group !== undefined) await this.#call('Free').catch(() => {});
  }

  /** Plans a change; faults end the publication. */
  #then(change: () => Promise<void>): void {
    this.#work = this.#after(this.#work, change);
  }

  async #after(work: Promise<void>, change: () => Promise<void>): Promise<void> {
    await work;
    if (this.#stopped) return;
    try {
      await change();
    } catch (error) {
      // When the bus has gone, so has Avahi, and the one who watches it says so.
      if (this.#server.bus.gone.aborted) this.#end();
      else this.#fail(describeError(error));
    }
  }

  async #open(): Promise<void> {
    const { bus, owner } = this.#server;
    // Before there is a group, so that no change of its state is missed.
    const match = { sender: owner, interface: ENTRY_GROUP, member: 'StateChanged' };
    this.#endSignals = await bus.onSignal(match, ({ path, body }) => {
      const [state, reason] = body();
      if (path === this.#group) this.#onState(state, String(reason));
    });
    const [group] = await callServer(this.#server, 'EntryGroupNew', {}, CALL_LIMIT_MS);
    this.#group = group as string;
    if (!this.#stopped) await this.#register();
  }

  #onState(state: unknown, reason: string): void {
    if (this.#stopped) return;
    if (state === GROUP_ESTABLISHED) {
      clearTimeout(this.#late);
      if (!this.#established) this.#log.info(`Zeroconf: advertised as "${this.#name}" through Avahi`);
      this.#established = true;
    } else if (state === GROUP_COLLISION) {
      this.#then(() => this.#rename());
    } else if (state === GROUP_FAILURE) {
      this.#fail(`Avahi reports a failure: ${reason}`);
    }
  }

  async #register(): Promise<void> {
    clearTimeout(this.#late);
    this.#established = false;
    this.#index = this.#interfaceIndex();
    if (this.#index === undefined) {
      if (!this.#waitReported)
        this.#log.warning(`Zeroconf: ${this.#service.interface} is not there; waiting`);
      this.#waitReported = true;
      return;
    }
    this.#late = setTimeout(
      () => this.#fail(`Avahi did not establish the service in ${ESTABLISH_LIMIT_MS / 1000} s`),
      ESTABLISH_LIMIT_MS,
    );
    try {
      await this.#call('AddService', {
        signature: 'iiussssqaay',
        // Interface, protocol, flags, name, type, domain, host, port, TXT; '' is Avahi's own.
        body: [
          this.#index,
          protocol(this.#service),
          0,
          this.#name,
          SERVICE_TYPE,
          '',
          '',
          this.#service.port,
          [],
        ],
      });
      await this.#call('Commit');
    } catch (error) {
      // Another program on this host has the name.
      if (!(error instanceof DbusError) || error.dbusName !== COLLISION_ERROR) throw error;
      await this.#rename();
    }
  }

  async #rename(): Promise<void> {
    const name = { signature: 's', body: [this.#name] };
    const [alternative] = await callServer(this.#server, 'GetAlternativeServiceName', name, CALL_LIMIT_MS);
    const taken = this.#name;
    this.#name = alternative as string;
    if (this.#stopped) return;
    this.#nameLog.warning(`Zeroconf: the name "${taken}" is another host's; trying "${this.#name}"`);
    this.#hooks.renamed(this.#name);
    await this.#registerAgain();
  }

  async #followIndex(): Promise<void> {
    const index = this.#interfaceIndex();
    if (this.#group !== undefined && index !== undefined && index !== this.#index)
      await this.#registerAgain();
  }

  async #registerAgain(): Promise<void> {
    await this.#call('Reset');
    await this.#register();
  }

  #interfaceIndex(): number | undefined {
    if (this.#service.interface === undefined) return ANY_INTERFACE;
    return this.#effects.listInterfaces().find(({ name }) => name === this.#service.interface)?.index;
  }

  async #call(member: string, args: Partial<MethodCall> = {}): Promise<void> {
    const { bus, owner } = this.#server;
    const group = { destination: owner, path: this.#group ?? '', interface: ENTRY_GROUP };
    await bus.call({ ...group, ...args, member }, CALL_LIMIT_MS);
  }

  #fail(reason: string): void {
    if (this.#stopped) return;
    this.#end();
    this.#hooks.failed(reason);
  }

  #end(): void {
    this.#stopped = true;
    clearTimeout(this.#late);
    clearInterval(this.#poll);
  }
}

/**
 * The original registers for IPv6 only, where it may use it. We name both families, as the embedded responder does: the
 * server answers over both, and a client finds it over whichever its network has.
 */
function protocol({ family, address }: Service): number {
  if (family === 'ipv4') return PROTOCOL.ipv4;
  if (address === undefined) return PROTOCOL.any;
  return address.includes(':') ? PROTOCOL.ipv6 : PROTOCOL.ipv4;
}
