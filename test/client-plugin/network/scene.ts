import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Child } from '../../support/child.js';
import { DEFAULT_WAIT_MS } from '../../support/child.js';
import type { Host, HostOptions, Lan } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import type { Keys } from '../../support/programs.js';
import { keyFileOptions, makeKeys, MANDOS_CLIENT, startServer } from '../../support/programs.js';

export const PASSWORD = 'correct horse';

/** A lan with a server that announces itself, and a host for a client as an initramfs finds it. */
export interface Scene {
  readonly lan: Lan;
  readonly keys: Keys;
  readonly server: Host;
  readonly client: Host;
  readonly port: number;
}

export async function scene(
  t: TestContext,
  clientOptions: HostOptions = { up: false },
  serverSegment = 0,
): Promise<Scene> {
  const segments = Math.max(serverSegment, ...(clientOptions.segments ?? [0])) + 1;
  const lan = await createLan(t, { segments });
  const server = await lan.host('server', { segments: [serverSegment] });
  const client = await lan.host('client', clientOptions);
  const keys = await makeKeys(lan.directory, 'client1', PASSWORD);
  const { child, port } = await startServer(server, { clientsConf: keys.section, args: ['--no-dbus'] });
  await child.waitForOutput(/advertised as ".*" on /);
  return { lan, keys, server, client, port };
}

/** Stands for /proc/sys/kernel/printk, which is the machine's own also in a namespace. */
export function kernelLog(host: Host, text = '7\t4\t1\t7\n'): { readonly file: string; read(): string } {
  const file = join(host.lan.directory, `${host.name}-printk`);
  writeFileSync(file, text);
  return { file, read: () => readFileSync(file, 'utf8') };
}

/** Starts mandos-client with a kernel log level of its own. */
export function start(
  { client, keys }: Pick<Scene, 'client' | 'keys'>,
  args: readonly string[] = [],
  options: { printk?: string; prefix?: readonly string[]; env?: Record<string, string> } = {},
): Child {
  const printk = options.printk ?? kernelLog(client).file;
  return client.spawn(
    'sh',
    [
      '-ec',
      'mount --bind "$0" /proc/sys/kernel/printk; exec "$@"',
      printk,
      ...(options.prefix ?? []),
      process.execPath,
      MANDOS_CLIENT,
      ...keyFileOptions(keys.keys),
      '--network-hook-dir=/nonexistent',
      ...args,
    ],
    { env: { NO_COLOR: '1', ...options.env } },
  );
}

/** A host's interfaces, their flags and addresses, without what changes by itself. */
export async function networkState(host: Host): Promise<string> {
  const { stdout } = await host.run('ip', ['-json', 'address', 'show']);
  const links = JSON.parse(stdout) as {
    ifname: string;
    flags: string[];
    master?: string;
    addr_info: { local: string; prefixlen: number }[];
  }[];
  return JSON.stringify(
    links.map(({ ifname, flags, master, addr_info: addresses }) => ({
      ifname,
      flags: flags.toSorted(),
      master,
      addresses: addresses.map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    })),
    undefined,
    1,
  );
}

/** A directory of hooks, with what each file says after `#!/bin/sh`. */
export function hooks(host: Host, scripts: Readonly<Record<string, string>>): string {
  const directory = join(host.lan.directory, `${host.name}-hooks`);
  mkdirSync(directory, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}

/** Waits for what comes by itself. */
export async function until(isThere: () => boolean): Promise<void> {
  const endMs = Date.now() + DEFAULT_WAIT_MS;
  while (!isThere()) {
    assert.ok(Date.now() < endMs, `waited in vain for ${isThere.toString()}`);
    await new Promise(resolve => {
      setTimeout(resolve, 10);
    });
  }
}
