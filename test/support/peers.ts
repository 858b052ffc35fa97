import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DAEMON_OPTIONS, systemBusConfig } from './bus.js';
import type { Child } from './child.js';
import { DEFAULT_WAIT_MS } from './child.js';
import type { Host } from './namespace.js';
import { mandosClientTree } from './requires.js';

const execute = promisify(execFile);

/** Where packages put a service's D-Bus policy, the administrator's directory first. */
const POLICY_DIRECTORIES = ['/etc/dbus-1/system.d', '/usr/share/dbus-1/system.d'];

export interface BusOptions {
  /** `<limit>` elements by name, for more than the defaults of dbus-daemon. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Policy files. Default: Avahi's and Mandos's as installed. */
  readonly policies?: readonly string[];
}

/** A system bus of the host's own. Its address is in the environment of everything spawned in the host. */
export async function startBus(
  host: Host,
  options: BusOptions = {},
): Promise<{ address: string; child: Child }> {
  const config = join(host.runDirectory, 'dbus/system.conf');
  rmSync(join(host.runDirectory, 'dbus/system_bus_socket'), { force: true });
  const policies = options.policies ?? [installedPolicy('avahi-dbus.conf'), installedPolicy('mandos.conf')];
  writeFileSync(config, systemBusConfig(host.busAddress, policies, options.limits));
  const child = host.spawn('dbus-daemon', [`--config-file=${config}`, ...DAEMON_OPTIONS]);
  await child.waitForOutput(/^unix:path=.*\n/m);
  return { address: host.busAddress, child };
}

function installedPolicy(name: string): string {
  const files = POLICY_DIRECTORIES.map(directory => join(directory, name));
  return files.find(file => existsSync(file)) ?? `/nonexistent/${name}`;
}

export interface AvahiOptions {
  /** Further lines of the section [server] of avahi-daemon.conf(5). */
  readonly config?: readonly string[];
}

/** Starts Avahi on a host whose bus runs, and waits until it serves. Stop or kill its child; start it again so. */
export async function startAvahi(host: Host, options: AvahiOptions = {}): Promise<Child> {
  const directory = join(host.runDirectory, 'avahi-daemon');
  mkdirSync(directory, { recursive: true });
  rmSync(join(directory, 'pid'), { force: true }); // of one that was killed
  const config = join(directory, 'avahi-daemon.conf');
  const server = [`host-name=${host.name}`, 'use-ipv4=yes', 'use-ipv6=yes', ...(options.config ?? [])];
  writeFileSync(config, `[server]\n${server.join('\n')}\n[wide-area]\nenable-wide-area=no\n[rlimits]\n`);
  const child = host.spawn('avahi-daemon', [
    '--no-drop-root',
    '--no-chroot',
    '--no-rlimits',
    '--no-proc-title',
    '--debug',
    `--file=${config}`,
  ]);
  await child.waitForOutput(/Server startup complete/);
  return child;
}

/** Makes /dev/log: what is sent there comes out of this child, a datagram a line. */
const SYSLOG_READER = `
import os, socket, sys
path = sys.argv[1]
os.makedirs(os.path.dirname(path), exist_ok=True)
if os.path.exists(path): os.unlink(path)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
os.chmod(path, 0o666)
print("listening", flush=True)
while True:
    print(s.recv(65536).decode("utf-8", "replace").rstrip("\\0\\n"), flush=True)
`;

/** Where /dev/log of a private /dev leads to, as on a machine with systemd. */
const DEV_LOG = '/run/systemd/journal/dev-log';

/** What /dev is made of for a program that must find /dev/log, whether the machine has one or not. */
const PRIVATE_DEV = `
dev=$RUN/dev
mkdir -p "$dev/pts" "$dev/shm"
for node in null zero full random urandom tty; do
  : >>"$dev/$node"
  mount --bind "/dev/$node" "$dev/$node"
done
ln -sfn ${DEV_LOG} "$dev/log"
ln -sfn /proc/self/fd "$dev/fd"
mount --rbind "$dev" /dev
mount --bind "$RUN" /run
unset RUN
exec "$@"`;

/** Starts a syslog for programs spawned with `spawnWithSyslog`; its output is what they log. */
export async function startSyslog(host: Host): Promise<Child> {
  const child = host.spawn('python3', [
    '-c',
    SYSLOG_READER,
    join(host.runDirectory, DEV_LOG.slice('/run'.length)),
  ]);
  await child.waitForOutput(/^listening$/m);
  return child;
}

/** Host.spawn with a private /dev, in which /dev/log is the host's own syslog. */
export function spawnWithSyslog(host: Host, ...[command, args, options]: Parameters<Host['spawn']>): Child {
  return host.spawnShell(PRIVATE_DEV, [command, ...args], options, `${host.name}: ${command}`);
}

export interface RealMandosOptions {
  /** Directory with clients.conf, and mandos.conf if wanted. */
  readonly configDirectory: string;
  /** Default: a new one, in the host's directory. */
  readonly stateDirectory?: string;
  /** Further arguments. With `--no-zeroconf` it wants `--port`. */
  readonly args?: readonly string[];
}

/**
 * Starts the original's server, on a host whose bus runs, and waits until it listens.
 * @returns the port that it listens on; what it writes is in `child.output` (debug level)
 */
export async function startRealMandos(
  host: Host,
  options: RealMandosOptions,
): Promise<{ child: Child; port: number; stateDirectory: string }> {
  const stateDirectory = options.stateDirectory ?? mkdtempSync(join(host.runDirectory, 'state-'));
  chmodSync(stateDirectory, 0o777); // it changes its user
  makeGnupgSocketDirectories(host);
  await startSyslog(host);
  const child = spawnWithSyslog(
    host,
    '/usr/sbin/mandos',
    [
      '--debug',
      '--foreground',
      `--configdir=${options.configDirectory}`,
      `--statedir=${stateDirectory}`,
      ...(options.args ?? []),
    ],
    // What it leaves behind when it is killed goes with the host.
    { env: { TMPDIR: stateDirectory } },
  );
  const listening = await child.waitForOutput(/Now listening on address .*?, port (\d+)/);
  return { child, port: Number(listening[1]), stateDirectory };
}

/**
 * GnuPG's agent has its sockets there, if it can. Else they are in the directory that the original removes at its end,
 * which then fails now and then, as the agent removes them at the same time.
 */
export function makeGnupgSocketDirectories(host: Host): void {
  const { stdout } = spawnSync('id', ['--user', '_mandos'], { encoding: 'utf8' });
  for (const userId of [0, Number(stdout)]) {
    const directory = join(host.runDirectory, 'user', String(userId));
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o700);
    chownSync(directory, userId, 0);
  }
}

/**
 * Waits until the original's server is announced by Avahi, under any name.
 * @param from where in its output to start looking
 */
export async function waitForRealMandosAnnounced(mandos: Child, from = 0): Promise<void> {
  await mandos.waitForOutput(/Zeroconf service established/, DEFAULT_WAIT_MS, from);
}

export interface RealKeys {
  /** Directory of pubkey.txt, seckey.txt, tls-pubkey.pem and tls-privkey.pem. */
  readonly keyDirectory: string;
  /** The client's section, as the original's mandos-keygen prints it for clients.conf. */
  readonly clientSection: string;
}

/**
 * Keys and a section for clients.conf, made by the original's mandos-keygen.
 * @param directory a directory to make `name` in
 */
export async function makeRealKeys(
  directory: string,
  name: string,
  password: string | Uint8Array,
  /** Short for speed: the length of the OpenPGP key makes no difference to the peers. */
  keygenArgs: readonly string[] = ['--length', '2048', '--sublength', '2048'],
): Promise<RealKeys> {
  const keyDirectory = join(directory, name);
  mkdirSync(keyDirectory, { mode: 0o700 });
  await runRealKeygen(['--dir', keyDirectory, '--name', name, ...keygenArgs]);
  const passFile = join(directory, `${name}.password`);
  writeFileSync(passFile, password, { mode: 0o600 });
  const clientSection = await runRealKeygen([
    '--passfile',
    passFile,
    '--dir',
    keyDirectory,
    '--name',
    name,
    '--no-ssh',
  ]);
  rmSync(passFile);
  return { keyDirectory, clientSection };
}

/** Runs the original's mandos-keygen. @returns its standard output */
export async function runRealKeygen(args: readonly string[]): Promise<string> {
  const { stdout } = await execute(join(clientTree(), 'usr/sbin/mandos-keygen'), args);
  return stdout;
}

export interface RealMandosClientOptions {
  readonly keyDirectory: string;
  /** Further arguments: `--connect`, `--interface`, `--delay`, `--retry`, …. */
  readonly args?: readonly string[];
}

/** Starts the original's mandos-client: the password comes on its standard output, when it has ended with status 0. */
export function startRealMandosClient(host: Host, options: RealMandosClientOptions): Child {
  const lib = join(clientTree(), 'usr/lib/x86_64-linux-gnu/mandos');
  // It leaves an interface alone that is up and running already, and runs every hook that it finds.
  const hooks = join(host.runDirectory, 'network-hooks.d');
  mkdirSync(hooks, { recursive: true });
  return host.spawn(
    join(lib, 'plugins.d/mandos-client'),
    [
      `--pubkey=${join(options.keyDirectory, 'pubkey.txt')}`,
      `--seckey=${join(options.keyDirectory, 'seckey.txt')}`,
      `--tls-pubkey=${join(options.keyDirectory, 'tls-pubkey.pem')}`,
      `--tls-privkey=${join(options.keyDirectory, 'tls-privkey.pem')}`,
      `--network-hook-dir=${hooks}`,
      ...(options.args ?? []),
    ],
    { env: { MANDOSPLUGINHELPERDIR: join(lib, 'plugin-helpers') } },
  );
}

/** Writes clients.conf into a new directory that the original's server can be given. */
export function writeServerConfig(host: Host, clientsConf: string, mandosConf = ''): string {
  const directory = mkdtempSync(join(host.runDirectory, 'etc-'));
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, 'clients.conf'), clientsConf);
  writeFileSync(join(directory, 'mandos.conf'), mandosConf || '[DEFAULT]\n');
  return directory;
}

function clientTree(): string {
  const tree = mandosClientTree();
  if (tree === undefined)
    throw new Error("the original's mandos-client is not unpacked (npm test as root does it)");
  return tree;
}
