import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SpawnOptions } from './child.js';
import { Child } from './child.js';
import { MANDOS } from './programs.js';

/** A directory that is removed with the test. */
export function scratchDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'mandos-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A state directory for one server, which runs as another user when it is started as root. */
export function stateDirectory(t: TestContext): string {
  const directory = scratchDirectory(t);
  chmodSync(directory, 0o777);
  return directory;
}

/** Runs one of this project's programs outside any namespace: it is never to speak to the machine's own bus. */
export function runNode(
  t: TestContext,
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Child {
  const env = { DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nonexistent', ...options.env };
  const child = new Child(process.execPath, [program, ...args], { ...options, env });
  t.after(() => child.stop());
  return child;
}

/** A configuration directory with these files. */
export function configDirectory(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = scratchDirectory(t);
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(directory, name), text, { mode: 0o600 });
  return directory;
}

/** Starts the server on loopback, without Zeroconf, and waits until it listens. */
export async function startLoopbackServer(
  t: TestContext,
  clientsConf: string,
  args: readonly string[] = [],
): Promise<{ child: Child; port: number; directory: string }> {
  const directory = configDirectory(t, { 'clients.conf': clientsConf });
  return { ...(await serveLoopback(t, directory, args)), directory };
}

/** The same for a configuration directory that there is. */
export async function serveLoopback(
  t: TestContext,
  directory: string,
  args: readonly string[] = [],
): Promise<{ child: Child; port: number }> {
  const child = runNode(t, MANDOS, [
    '--foreground',
    '--no-dbus',
    '--no-zeroconf',
    '--address=::1',
    '--port=0',
    '--debuglevel=INFO',
    `--configdir=${directory}`,
    `--statedir=${stateDirectory(t)}`,
    ...args,
  ]);
  const listening = await child.waitForOutput(/listening on .*:(\d+)$/m);
  return { child, port: Number(listening[1]) };
}
