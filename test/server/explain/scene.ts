import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Child } from '../../support/child.js';
import type { Host, HostOptions } from '../../support/namespace.js';
import { createLan } from '../../support/namespace.js';
import { startBus, writeServerConfig } from '../../support/peers.js';
import { MANDOS } from '../../support/programs.js';
import { requires } from '../../support/requires.js';

/** Real servers on a bus of their own, in a namespace. */
export const EXPLAINED = requires('netns', 'dbus', 'mandos');

export const KEY_ID = 'AB'.repeat(32);
/** An OpenPGP message by its packets: to the key 0123456789ABCDEF, and encrypted data. */
export const SECRET = Buffer.concat([
  Buffer.from([0xc1, 12, 3]),
  Buffer.from('0123456789abcdef', 'hex'),
  Buffer.from([18, 0, 0]),
  Buffer.from([0xd2, 4, 1, 1, 1, 1]),
]).toString('base64');

/** A section of clients.conf. */
export function section(name: string, options: Readonly<Record<string, string>> = {}): string {
  const all = { key_id: KEY_ID, secret: SECRET, host: 'localhost', checker: ':', ...options };
  const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}\n`);
  return `[${name}]\n${lines.join('')}`;
}

export interface SceneOptions extends HostOptions {
  readonly clientsConf: string;
  readonly mandosConf?: string;
  /** Of the server's command line; default: a port, and not announced. */
  readonly args?: readonly string[];
  /** False: none is started. */
  readonly server?: boolean;
}

export interface Explained {
  readonly status: number | null;
  /** With each line break and the blanks around it as one blank. */
  readonly text: string;
  readonly output: string;
}

export interface Scene {
  readonly host: Host;
  readonly server: Child | undefined;
  readonly stateDirectory: string;
  readonly startServer: (args: readonly string[]) => Promise<Child>;
  readonly explain: (word: string, ...args: string[]) => Promise<Explained>;
  /** By a program that runs another one, such as setpriv(1). */
  readonly explainAs: (wrapper: readonly string[], word: string, ...args: string[]) => Promise<Explained>;
  readonly configure: (clientsConf: string) => void;
}

/** A host with a bus and a server, and `mandos --explain` beside it. */
export async function createScene(t: TestContext, options: SceneOptions): Promise<Scene> {
  const lan = await createLan(t);
  const host = await lan.host('server', options);
  await startBus(host);
  const configDirectory = writeServerConfig(host, options.clientsConf, options.mandosConf);
  const clientsFile = join(configDirectory, 'clients.conf');
  chmodSync(clientsFile, 0o600);
  const stateDirectory = mkdtempSync(join(host.runDirectory, 'state-'));
  chmodSync(stateDirectory, 0o777); // the server changes its user
  const places = [`--configdir=${configDirectory}`, `--statedir=${stateDirectory}`];
  const startServer = async (args: readonly string[]) => {
    const child = host.spawn(process.execPath, [
      MANDOS,
      '--foreground',
      '--debuglevel=INFO',
      ...places,
      ...args,
    ]);
    await child.waitForOutput(/listening on .*:(\d+)$/m);
    if (!args.includes('--no-dbus')) await child.waitForOutput(/D-Bus/);
    return child;
  };
  const explainAs: Scene['explainAs'] = async (wrapper, word, ...args) => {
    const child = host.spawn('env', [
      ...wrapper,
      process.execPath,
      MANDOS,
      `--explain=${word}`,
      ...places,
      ...args,
    ]);
    const { code } = await child.waitForExit();
    return { status: code, text: child.output.replace(/\s+/g, ' '), output: child.output };
  };
  return {
    host,
    server:
      options.server === false
        ? undefined
        : await startServer(options.args ?? ['--no-zeroconf', '--port=4711']),
    stateDirectory,
    startServer,
    explain: (word, ...args) => explainAs([], word, ...args),
    explainAs,
    configure: text => writeFileSync(clientsFile, text),
  };
}

/** That the last sentence names this. */
export function assertFirst({ status, text, output }: Explained, pattern: RegExp): void {
  const [, sentence = ''] = /(?:First in the way|Nothing is in the way)(.*)$/.exec(text) ?? [];
  assert.match(sentence, pattern, output);
  assert.equal(status, 1, output);
}
