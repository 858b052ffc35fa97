import { chmodSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Bus, Signal } from '../../../common/dbus/bus.js';
import { connectBus } from '../../../common/dbus/bus.js';
import type { Log } from '../../../common/log.js';
import { createLog } from '../../../common/log.js';
import { readAddedClient } from '../../../server/added-client.js';
import type { ClientSettings } from '../../../server/client/settings.js';
import { Turns } from '../../../server/client/turns.js';
import type { Control } from '../../../server/control/control.js';
import { serveControl } from '../../../server/control/control.js';
import type { ControlledServer } from '../../../server/control/controlled-server.js';
import type { BusDaemon } from '../../support/bus.js';
import { startBusDaemon, systemBusConfig } from '../../support/bus.js';
import type { HeartOptions } from '../client/heart.js';
import { Heart } from '../client/heart.js';

export const SERVER = 'se.recompile.Mandos';
export const CLIENT = `${SERVER}.Client`;
export const PROPERTIES = 'org.freedesktop.DBus.Properties';

export const SOURCES = join(import.meta.dirname, '../../../..');
const POLICY = join(SOURCES, 'packaging/dbus/mandos.conf');

/**
 * A system bus of the test's own: nothing can be owned or called but what this project's policy file allows.
 * @param policy false: without the policy file
 */
export async function startSystemBus(t: TestContext, policy = true): Promise<BusDaemon> {
  return await startBusDaemon(t, (address, directory) => {
    chmodSync(directory, 0o755); // strangers are to find it
    if (!policy) return systemBusConfig(address, []);
    // The bus's file names it: a copy has a path that any user can read.
    const file = join(directory, 'mandos.conf');
    copyFileSync(POLICY, file);
    return systemBusConfig(address, [file]);
  });
}

/** What has been logged, and what will be. */
export class Lines {
  readonly all: string[] = [];
  readonly log: Log = createLog({ write: (level, line) => this.#add(`${level}: ${line}`) }, 'debug');
  readonly #waiting = new Set<() => void>();

  /** Resolves when this many lines match. */
  async wait(pattern: RegExp, count = 1): Promise<void> {
    while (this.count(pattern) < count) {
      await new Promise<void>(resolve => this.#waiting.add(resolve));
    }
  }

  count(pattern: RegExp): number {
    return this.all.filter(line => pattern.test(line)).length;
  }

  #add(line: string): void {
    this.all.push(line);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

export interface SceneOptions extends HeartOptions {
  readonly bus?: BusDaemon;
  readonly reload?: () => Promise<string | undefined>;
  readonly limits?: () => { readonly maxDbusCalls: number };
}

/** The service over the heart on a simulated clock and disk, on a bus of its own; and somebody who uses it. */
export class Scene {
  readonly bus: BusDaemon;
  readonly heart: Heart;
  readonly lines: Lines;
  readonly control: Control;
  readonly levels: string[];
  readonly caller: Bus;
  /** What was heard of the server, in words. */
  readonly heard: string[] = [];

  constructor(bus: BusDaemon, heart: Heart, lines: Lines, control: Control, levels: string[], caller: Bus) {
    this.bus = bus;
    this.heart = heart;
    this.lines = lines;
    this.control = control;
    this.levels = levels;
    this.caller = caller;
  }

  async call(path: string, name: string, member: string, signature = '', ...body: unknown[]) {
    return await this.caller.call({ destination: SERVER, path, interface: name, member, signature, body });
  }

  /** Calls a method of a client. */
  async of(name: string, member: string, signature = '', ...body: unknown[]) {
    return await this.call(`/clients/${name}`, CLIENT, member, signature, ...body);
  }

  async get(path: string, name: string, property: string): Promise<unknown> {
    const [variant] = await this.call(path, PROPERTIES, 'Get', 'ss', name, property);
    return (variant as { value: unknown }).value;
  }

  async set(client: string, property: string, signature: string, value: unknown): Promise<void> {
    const variant = { signature, value };
    await this.call(`/clients/${client}`, PROPERTIES, 'Set', 'ssv', CLIENT, property, variant);
  }

  /** What was heard since the last time, when all that was sent has arrived. */
  async said(): Promise<string[]> {
    await this.call('/', 'org.freedesktop.DBus.Peer', 'Ping');
    return this.heard.splice(0);
  }
}

/** A server as D-Bus controls it. */
export function controlled(
  heart: Heart,
  lines: Lines,
  levels: string[] = [],
  reload: () => Promise<string | undefined> = () => Promise.resolve(undefined),
  turns = new Turns(),
): ControlledServer {
  return {
    registry: heart.registry,
    ledger: heart.ledger,
    requests: heart.requests,
    turns,
    log: lines.log,
    about: { version: '1.2.3', address: '', port: 4711, interface: 'eth0', serviceName: 'Mandos' },
    nowMs: () => heart.clock.nowMs(),
    random: () => 0.5,
    readClient: readAddedClient,
    reload,
    setLogLevel: level => levels.push(level),
  };
}

export async function startScene(
  t: TestContext,
  configured: readonly ClientSettings[],
  options: SceneOptions = {},
): Promise<Scene> {
  const bus = options.bus ?? (await startSystemBus(t));
  const heart = new Heart(configured, options);
  const lines = new Lines();
  const levels: string[] = [];
  const control = serveControl(controlled(heart, lines, levels, options.reload), {
    address: bus.address,
    ...(options.limits ? { limits: options.limits } : {}),
  });
  t.after(async () => await control.close());
  await lines.wait(/serving as/);
  const caller = await connectBus(bus.address);
  t.after(() => caller.close());
  const scene = new Scene(bus, heart, lines, control, levels, caller);
  await caller.onSignal({ sender: SERVER }, signal => scene.heard.push(inWords(signal)));
  await scene.said();
  return scene;
}

/** A signal in words: what it is of, its interface (for the old names `old`), and what it says. */
export function inWords({ path, interface: name, member, body }: Signal): string {
  const old = name.startsWith('se.bsnet') ? 'old ' : '';
  const words = body().map(valueInWords);
  return [path, `${old}${member}`, ...words].join(' ').trim();
}

function valueInWords(value: unknown): string {
  if (value instanceof Map) {
    return `{${Array.from(value, ([key, one]) => `${String(key)}: ${valueInWords(one)}`).join(', ')}}`;
  }
  if (Array.isArray(value)) return `[${value.map(valueInWords).join(', ')}]`;
  if (typeof value === 'object' && value !== null && 'value' in value) return valueInWords(value.value);
  return String(value);
}
