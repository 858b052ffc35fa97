import type { TestContext } from 'node:test';
import type { ClientView } from '../../../monitor/mirror/client-view.js';
import { watchServer } from '../../../monitor/mirror/watch-server.js';
import type { WatchedServer } from '../../../monitor/mirror/watch-server.js';
import { DEFAULT_WAIT_MS } from '../../support/child.js';
import type { Host } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import { startBus, startRealMandos, writeServerConfig } from '../../support/peers.js';
import { requires } from '../../support/requires.js';
import { Terminals } from './window.js';

export const SCREEN = requires('netns', 'dbus', 'mandos', 'gpg', 'tmux');

/** A section of clients.conf. The machine never asks for its secret. */
export function section(name: string, { checker = 'true', lines = '' } = {}): string {
  const key = Buffer.from(name).toString('hex').padEnd(64, '0');
  return `[${name}]\nhost = ${name}.example.org\nkey_id = ${key}\nfingerprint = ${key.slice(0, 40)}
secret = aGVsbG8=\nchecker = ${checker}\n${lines}\n`;
}

export const PORT = 4711;
export const ADDRESS = '192.0.2.1';

/** Starts the original's server on a host whose bus runs. */
export async function startServer(host: Host, clientsConf: string, stateDirectory?: string) {
  return await startRealMandos(host, {
    configDirectory: writeServerConfig(host, `[DEFAULT]\ninterval = PT10M\ntimeout = PT1H\n${clientsConf}`),
    args: ['--no-zeroconf', `--port=${PORT}`],
    ...(stateDirectory === undefined ? {} : { stateDirectory }),
  });
}

/** A host with a bus and terminals. */
export async function place(t: TestContext) {
  const lan = await createLan(t);
  const host = await lan.host('server', { addresses: { 0: [`${ADDRESS}/24`] } });
  const bus = await startBus(host);
  return { lan, host, bus, terminals: await Terminals.open(host) };
}

/** What the server itself says, for as long as the test runs. */
export function observe(t: TestContext, address: string): WatchedServer {
  const server = watchServer({ address });
  t.after(() => server.close());
  return server;
}

/** Waits until a client is so; undefined: until it is not there. */
export async function untilClient(
  server: WatchedServer,
  name: string,
  is: (client: ClientView | undefined) => boolean,
): Promise<ClientView | undefined> {
  const look = () => {
    const { status, clients } = server.state();
    const client = [...clients.values()].find(one => one.name === name);
    return status.kind === 'live' && is(client) ? { client } : undefined;
  };
  const found = await new Promise<ReturnType<typeof look>>((resolve, reject) => {
    const now = look();
    if (now) {
      resolve(now);
      return;
    }
    const unhear = server.onChange(() => {
      const then = look();
      if (then) finish(() => resolve(then));
    });
    const timer = setTimeout(
      () => finish(() => reject(new Error(`${name} never is ${is.toString()}`))),
      DEFAULT_WAIT_MS,
    );
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      unhear();
      settle();
    };
  });
  return found?.client;
}
