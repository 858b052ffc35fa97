import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Child } from '../support/child.js';
import type { Host, Lan } from '../support/namespace.js';
import { createLan } from '../support/namespace.js';
import {
  startAvahi,
  startBus,
  startRealMandos,
  startRealMandosClient,
  waitForRealMandosAnnounced,
  writeServerConfig,
} from '../support/peers.js';
import { startClient, startServer } from '../support/programs.js';
import { requires } from '../support/requires.js';

/** What every meeting of this project's programs with the original's needs. */
export const MEETING = requires('netns', 'dbus', 'avahi', 'mandos', 'mandos-client', 'gpg');

/** With every byte that is hard on the way: white space at both ends, UTF-8, a newline. */
export const PASSWORD = ' correct horse\n battery \u00e4 ';

export type Program = 'ours' | 'original';

/** A server that runs, and says through Avahi or by itself that it does. */
export interface RunningServer {
  readonly child: Child;
  readonly port: number;
}

/**
 * Starts either server on a host and waits until it is announced.
 * @param clientsConf sections of clients.conf
 */
export async function serve(
  program: Program,
  host: Host,
  clientsConf: string,
  options: { avahi?: boolean; args?: readonly string[]; mandosConf?: string } = {},
): Promise<RunningServer> {
  const zeroconf = !(options.args ?? []).includes('--no-zeroconf');
  const avahi = options.avahi ?? program === 'original';
  if (avahi || program === 'original') await startBus(host);
  if (avahi) await startAvahi(host);
  if (program === 'original') {
    const configDirectory = writeServerConfig(host, clientsConf, options.mandosConf);
    const server = await startRealMandos(host, { configDirectory, args: options.args ?? [] });
    if (zeroconf) await waitForRealMandosAnnounced(server.child);
    return server;
  }
  const server = await startServer(host, { clientsConf, ...options });
  if (zeroconf) {
    const how = avahi ? /advertised as ".*" through Avahi/ : /advertised as ".*" on /;
    await server.child.waitForOutput(how);
  }
  return server;
}

/** Starts either client on a host. */
export function ask(program: Program, host: Host, keyDirectory: string, args: readonly string[] = []): Child {
  return program === 'original'
    ? startRealMandosClient(host, { keyDirectory, args: ['--retry=1', ...args] })
    : startClient(host, keyDirectory, args);
}

/** Waits for a client's password. */
export async function assertUnlocks(client: Child, password: string | Uint8Array = PASSWORD): Promise<void> {
  const { code } = await client.waitForExit();
  assert.equal(code, 0, client.tail());
  assert.deepEqual(client.stdoutBytes, Buffer.from(password), client.tail());
}

/** The options that lead to a server's link-local address. */
export function connectTo(server: Host, port: number): string[] {
  return [`--connect=${server.interfaces[0]?.linkLocal ?? ''}:${port}`, '--interface=eth0'];
}

/** A lan with a host for a server and one for a client. */
export async function twoHosts(t: TestContext): Promise<{ lan: Lan; server: Host; client: Host }> {
  const lan = await createLan(t);
  return { lan, server: await lan.host('server'), client: await lan.host('client') };
}
