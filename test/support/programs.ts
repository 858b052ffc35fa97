import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from './child.js';
import type { Host } from './namespace.js';
import { writeServerConfig } from './peers.js';
import { mandosClientTree } from './requires.js';

const DIST = join(import.meta.dirname, '../..');
export const MANDOS = join(DIST, 'server/main.js');
export const MANDOS_CLIENT = join(DIST, 'client-plugin/mandos-client.js');
export const MANDOS_KEYGEN = join(DIST, 'client-plugin/keygen/mandos-keygen.js');

export interface ServerOptions {
  readonly clientsConf: string;
  readonly mandosConf?: string;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** Starts this project's server on a host and waits until it listens. What it logs is in `child.output`. */
export async function startServer(
  host: Host,
  options: ServerOptions,
): Promise<{ child: Child; port: number }> {
  const configDirectory = writeServerConfig(host, options.clientsConf, options.mandosConf);
  const stateDirectory = mkdtempSync(join(host.runDirectory, 'state-'));
  chmodSync(stateDirectory, 0o777); // it changes its user
  const child = host.spawn(process.execPath, [
    MANDOS,
    '--foreground',
    '--debuglevel=INFO',
    `--configdir=${configDirectory}`,
    `--statedir=${stateDirectory}`,
    ...(options.args ?? []),
  ]);
  const listening = await child.waitForOutput(/listening on .*:(\d+)$/m);
  return { child, port: Number(listening[1]) };
}

/** The options that name the key files, the same for this project's and the original's mandos-client. */
export function keyFileOptions(keyDirectory: string): string[] {
  return [
    `--pubkey=${join(keyDirectory, 'pubkey.txt')}`,
    `--seckey=${join(keyDirectory, 'seckey.txt')}`,
    `--tls-pubkey=${join(keyDirectory, 'tls-pubkey.pem')}`,
    `--tls-privkey=${join(keyDirectory, 'tls-privkey.pem')}`,
  ];
}

/** Starts this project's mandos-client on a host. */
export function startClient(host: Host, keyDirectory: string, args: readonly string[] = []): Child {
  return host.spawn(process.execPath, [MANDOS_CLIENT, ...keyFileOptions(keyDirectory), ...args]);
}

/** How the original's mandos-client is run: the environment for env(1), and the command. */
export function realMandosClientCommand(keyDirectory: string): { env: string[]; command: string[] } {
  const lib = join(mandosClientTree() ?? '', 'usr/lib/x86_64-linux-gnu/mandos');
  return {
    env: [`MANDOSPLUGINHELPERDIR=${join(lib, 'plugin-helpers')}`],
    command: [
      join(lib, 'plugins.d/mandos-client'),
      ...keyFileOptions(keyDirectory),
      '--network-hook-dir=/nonexistent',
    ],
  };
}

export interface Keys {
  readonly keys: string;
  /** The client's section of clients.conf. */
  readonly section: string;
  /** Of the secret that a release sends. */
  readonly bytes: number;
}

/**
 * Keys and a clients.conf section, made by this project's mandos-keygen.
 * @param directory to make the key directory in
 */
export async function makeKeys(
  directory: string,
  name: string,
  password: string | Uint8Array,
  keygenArgs: readonly string[] = [],
): Promise<Keys> {
  const keys = mkdtempSync(join(directory, `${name}-`));
  chmodSync(keys, 0o700);
  const keygen = (...args: string[]) =>
    execFileSync(process.execPath, [MANDOS_KEYGEN, `--dir=${keys}`, `--name=${name}`, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  keygen(...keygenArgs);
  const passFile = join(keys, 'password');
  writeFileSync(passFile, password, { mode: 0o600 });
  // A checker that succeeds: the machine is not there to be asked.
  const section = `${keygen(`--passfile=${passFile}`, '--no-ssh')}checker = :\n`;
  rmSync(passFile);
  const base64 = /^secret =\s*\n((?:[ \t]+.*\n?)+)/m.exec(section)?.[1] ?? '';
  return { keys, section, bytes: Buffer.from(base64, 'base64').length };
}
