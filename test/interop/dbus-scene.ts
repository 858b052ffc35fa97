import type { TestContext } from 'node:test';
import type { Bus, Signal } from '../../common/dbus/bus.js';
import { connectBus } from '../../common/dbus/bus.js';
import type { Child } from '../support/child.js';
import { DEFAULT_WAIT_MS } from '../support/child.js';
import type { Host } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import { startBus, startRealMandos, writeServerConfig } from '../support/peers.js';
import { startServer } from '../support/programs.js';
import { requires } from '../support/requires.js';
import type { Program } from './scene.js';

/** What it takes to hold this project's D-Bus service against the original's. */
export const CONTROL = requires('netns', 'root', 'dbus', 'mandos');

export const SERVER = 'se.recompile.Mandos';
export const CLIENT = `${SERVER}.Client`;
const PROPERTIES = 'org.freedesktop.DBus.Properties';
const PEER = 'org.freedesktop.DBus.Peer';

/** GetManagedObjects and its like are long. */
const MESSAGE_LIMIT_BYTES = 32 * 1024 * 1024;

/** Either server on a host with a bus, and somebody who uses it and hears it. */
export class ControlledHost {
  readonly host: Host;
  readonly child: Child;
  readonly port: number;
  readonly #bus: Bus;
  readonly #signals: Signal[];
  readonly #wakes = new Set<() => void>();
  /** Of all times. */
  heardCount = 0;

  constructor(host: Host, child: Child, port: number, bus: Bus, signals: Signal[]) {
    this.host = host;
    this.child = child;
    this.port = port;
    this.#bus = bus;
    this.#signals = signals;
  }

  /** @internal */
  heard(): void {
    this.heardCount++;
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }

  async call(path: string, name: string, member: string, signature = '', ...body: unknown[]) {
    return await this.#bus.call({ destination: SERVER, path, interface: name, member, signature, body });
  }

  /** Calls a method of a client. */
  async of(name: string, member: string, signature = '', ...body: unknown[]): Promise<void> {
    await this.call(`/clients/${name}`, CLIENT, member, signature, ...body);
  }

  async set(name: string, property: string, signature: string, value: unknown): Promise<void> {
    const variant = { signature, value };
    await this.call(`/clients/${name}`, PROPERTIES, 'Set', 'ssv', CLIENT, property, variant);
  }

  /** Resolves when this many signals have a member of this name (under the old interface's name too). */
  async wait(member: string, count: number): Promise<void> {
    const enough = () => this.#signals.filter(signal => signal.member === member).length >= count;
    while (!enough()) await this.#nextSignal(`${member} (${count} times)`);
  }

  /** Resolves when nothing of a client waits for an operator any more: what follows of a request has been told. */
  async waitForIdle(name: string): Promise<void> {
    const pending = async () => {
      const path = `/clients/${name}`;
      const [variant] = await this.call(path, PROPERTIES, 'Get', 'ss', CLIENT, 'ApprovalPending');
      return (variant as { value: unknown }).value === true;
    };
    for (;;) {
      const { heardCount } = this;
      if (!(await pending())) return;
      // What tells of its end may have come together with the reply.
      if (this.heardCount === heardCount) await this.#nextSignal(`the end of the request of ${name}`);
    }
  }

  async #nextSignal(what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#wakes.add(resolve);
      const late = () => {
        const heard = this.#signals.map(inWords).join('\n');
        reject(
          new Error(`no signal any more, but ${what} is missing; heard:\n${heard}\n${this.child.tail()}`),
        );
      };
      timer = setTimeout(late, DEFAULT_WAIT_MS);
    }).finally(() => clearTimeout(timer));
  }

  /** The signals since the last time, when all that was sent so far has arrived; in words. */
  async said(): Promise<string[]> {
    await this.call('/', PEER, 'Ping').catch(() => {});
    return this.#signals.splice(0).map(inWords);
  }
}

/** Starts either server with these clients, and hears it from its first signal on. */
export async function control(
  t: TestContext,
  program: Program,
  clientsConf: string,
  mandosArgs: readonly string[] = [],
): Promise<ControlledHost> {
  const lan = await createLan(t);
  const host = await lan.host('server');
  const { address } = await startBus(host);
  const bus = await connectBus(address, { messageLimitBytes: MESSAGE_LIMIT_BYTES });
  t.after(() => bus.close());
  const signals: Signal[] = [];
  let heard = () => {};
  await bus.onSignal({ sender: SERVER }, signal => {
    signals.push(signal);
    heard();
  });
  const isServed = new Promise<void>(resolve => {
    void bus.onOwner(SERVER, owner => {
      if (owner !== undefined) resolve();
    });
  });
  const args = ['--no-zeroconf', '--port=4711', ...mandosArgs];
  const { child, port } =
    program === 'ours'
      ? await startServer(host, { clientsConf, args })
      : await startRealMandos(host, { configDirectory: writeServerConfig(host, clientsConf), args });
  await isServed;
  const controlled = new ControlledHost(host, child, port, bus, signals);
  heard = () => controlled.heard();
  return controlled;
}

/** A signal in words: its path, its interface by what is special of it, and what it says; times as TIME. */
function inWords({ path, interface: name, member, body }: Signal): string {
  const kind = name.startsWith('se.bsnet') ? ' old' : '';
  return `${path}${kind} ${member} ${body().map(valueInWords).join(' ')}`.trim();
}

function valueInWords(value: unknown): string {
  if (value instanceof Map) {
    const entries = Array.from(value, ([key, one]) => `${String(key)}: ${valueInWords(one)}`);
    return `{${entries.toSorted().join(', ')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(valueInWords).toSorted().join(', ')}]`;
  if (typeof value === 'object' && value !== null && 'value' in value) {
    const { signature, value: inner } = value as { signature: string; value: unknown };
    return `${signature} ${valueInWords(inner)}`;
  }
  return String(value).replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/, 'TIME');
}
