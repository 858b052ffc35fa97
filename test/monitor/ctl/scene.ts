import type { TestContext } from 'node:test';
import { join } from 'node:path';
import type { Host } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import { startBus, startRealMandos, writeServerConfig } from '../../support/peers.js';
import { requires } from '../../support/requires.js';

export const MANDOS_CTL = join(import.meta.dirname, '../../../monitor/mandos-ctl.js');
export const ORIGINAL_CTL = '/usr/sbin/mandos-ctl';

/** What is needed to meet the original's server on a bus. */
export const ORIGINAL = requires('netns', 'dbus', 'mandos', 'gpg');

export const SERVER_ARGS = ['--no-zeroconf', '--port=14140', '--no-restore'];

/** Clients that differ in what a list shows; no checker runs by itself within a day. */
export const CLIENTS_CONF = `[DEFAULT]
secret = c2VjcmV0
timeout = PT5M
interval = P1D
checker = true
${['web1.example.org', 'db-2', 'zulu', 'Alpha']
  .map(
    (name, i) => `[${name}]
key_id = ${String(i).padStart(64, 'f33fcbe6')}
fingerprint = ${String(i).padStart(40, '7788992BC5427D84')}
host = host${i}.example.org
${i === 1 ? 'approved_by_default = no\napproval_delay = PT30S\nextended_timeout = P1DT2H3M4S\n' : ''}${i === 2 ? 'enabled = no\nchecker = echo "long" \\ %%(host)s \u00e4 \ud83d\ude00\n' : ''}`,
  )
  .join('')}`;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs this project's mandos-ctl. */
export async function ctl(host: Host, args: readonly string[], input?: string): Promise<Outcome> {
  return await host.run(process.execPath, [MANDOS_CTL, ...args], input === undefined ? {} : { input });
}

/** Runs the original's. */
export async function originalCtl(host: Host, args: readonly string[], input?: string): Promise<Outcome> {
  return await host.run(ORIGINAL_CTL, args, input === undefined ? {} : { input });
}

/** A host with a bus and the original's server. */
export async function originalServer(t: TestContext): Promise<Host> {
  const lan = await createLan(t);
  const host = await lan.host('server');
  await startBus(host);
  await startRealMandos(host, { configDirectory: writeServerConfig(host, CLIENTS_CONF), args: SERVER_ARGS });
  return host;
}
