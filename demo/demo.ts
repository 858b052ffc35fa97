import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeContainer, opensContainer } from './container.js';
import type { DemoNetwork } from './network.js';
import { createLoopback, createPrivateNetwork } from './network.js';
import { Program, runProgram } from './program.js';

/**
 * The main job in a temporary directory: keys, a configured client, a server, a password over the network that opens
 * a disk; and a stranger who is refused. Started by demo/run.sh in a network namespace of its own.
 */
const OURS = (path: string) => join(import.meta.dirname, '..', path);
const MANDOS = OURS('server/main.js');
const MANDOS_CLIENT = OURS('client-plugin/mandos-client.js');
const MANDOS_KEYGEN = OURS('client-plugin/keygen/mandos-keygen.js');

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function step(number: number, text: string): void {
  const bold = process.stdout.isTTY && !process.env['NO_COLOR'];
  say(`${bold ? '\x1b[1m' : ''}${number}. ${text}${bold ? '\x1b[0m' : ''}`);
}

function detail(text: string): void {
  say(`   ${text}`);
}

function keyOptions(directory: string): string[] {
  return [
    `--seckey=${directory}/seckey.txt`,
    `--pubkey=${directory}/pubkey.txt`,
    `--tls-pubkey=${directory}/tls-pubkey.pem`,
    `--tls-privkey=${directory}/tls-privkey.pem`,
  ];
}

async function makeKeys(directory: string): Promise<void> {
  await runProgram(process.execPath, [MANDOS_KEYGEN, `--dir=${directory}`, '--name=demo-machine']);
}

async function configureServer(directory: string, keys: string, password: Uint8Array): Promise<string> {
  const passFile = join(directory, 'password');
  writeFileSync(passFile, password, { mode: 0o600 });
  const args = [`--passfile=${passFile}`, `--dir=${keys}`, '--name=demo-machine', '--no-ssh'];
  const section = await runProgram(process.execPath, [MANDOS_KEYGEN, ...args]);
  rmSync(passFile);
  // The machine is not there to be asked whether it is alive; a command that succeeds stands for it.
  const config = `${section.stdout.toString()}checker = true\n`;
  writeFileSync(join(directory, 'clients.conf'), config, { mode: 0o600 });
  return /^key_id = (.*)$/m.exec(section.stdout.toString())?.[1] ?? '';
}

function startServer(directory: string, network: DemoNetwork): Program {
  return network.onServer(process.execPath, [
    MANDOS,
    '--foreground',
    '--no-dbus',
    '--debuglevel=INFO',
    `--configdir=${directory}`,
    `--statedir=${join(directory, 'state')}`,
    ...network.serverOptions,
  ]);
}

async function run(directory: string, network: DemoNetwork): Promise<void> {
  const keys = join(directory, 'keys');
  const password = randomBytes(24).toString('base64');

  step(1, 'The machine makes its keys (mandos-keygen)');
  await makeKeys(keys);
  detail('an OpenPGP key for the password, a TLS key to prove who it is');

  step(2, 'Its disk password is encrypted to that key and given to the server (mandos-keygen --passfile)');
  const keyId = await configureServer(directory, keys, Buffer.from(password));
  detail(`clients.conf: [demo-machine], key ID ${keyId.slice(0, 16)}…; the server cannot read the password`);

  step(3, `The server starts ${network.where}`);
  const server = startServer(directory, network);
  const listening = await server.waitFor(/listening on .*?:(\d+)$/m);
  detail(listening[0]);
  if (network.kind === 'private') detail((await server.waitFor(/Zeroconf: advertised.*/m))[0]);

  step(4, 'The machine boots and asks for its password (mandos-client)');
  const find = network.clientOptions(Number(listening[1]));
  const client = network.onClient(process.execPath, [MANDOS_CLIENT, ...keyOptions(keys), ...find]);
  const status = await client.exited;
  client.stderr
    .trim()
    .split('\n')
    .forEach(line => line && detail(line));
  if (status !== 0) throw new Error(`mandos-client ended with status ${status ?? 'none'}`);
  if (client.stdout.toString() !== password) throw new Error('the password that arrived is another one');
  detail('the password arrived and is the right one');

  step(5, 'It opens the disk (cryptsetup open --test-passphrase)');
  const container = await makeContainer(join(directory, 'disk.luks'), Buffer.from(password));
  if (container === undefined) detail('skipped: cryptsetup is not installed (package cryptsetup-bin)');
  else if (await opensContainer(container, client.stdout)) detail('the LUKS2 container opens with it');
  else throw new Error('the LUKS2 container does not open with the password');

  step(6, 'A stranger with keys of its own asks too');
  const strangerKeys = join(directory, 'stranger');
  await makeKeys(strangerKeys);
  const stranger = network.onClient(process.execPath, [MANDOS_CLIENT, ...keyOptions(strangerKeys), ...find]);
  detail((await server.waitFor(/refused .*unknown key ID.*/m))[0]);
  await stranger.waitFor(/refused/);
  stranger.stop();
  await stranger.exited;
  if (stranger.stdout.length > 0) throw new Error('the stranger was given something');
  detail('it got nothing');

  server.stop();
  await server.exited;
}

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'mandos-demo-'));
  // Started as root, the server runs as another user, and must get to its state.
  chmodSync(directory, 0o711);
  let network: DemoNetwork | undefined;
  let status = 1;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      Program.stopAll();
      rmSync(directory, { recursive: true, force: true });
      process.exit(1);
    });
  }
  try {
    if (process.argv.includes('--network=private')) network = await createPrivateNetwork();
    else {
      say('This machine allows no private network namespaces here: on loopback, without Zeroconf.');
      network = createLoopback();
    }
    await run(directory, network);
    status = 0;
  } catch (error) {
    process.stderr.write(`demo: error: ${error instanceof Error ? error.message : String(error)}\n`);
  } finally {
    Program.stopAll();
    rmSync(directory, { recursive: true, force: true });
  }
  if (status === 0) say('Done: nothing is left behind.');
  return status;
}

process.exitCode = await main();
