import type { OptionValues, Program } from '../common/cli.js';
import { UsageError, lastValue } from '../common/cli.js';
import { CLIENT_PRIORITY } from '../common/protocol.js';
import type { HookSettings } from './network/hooks.js';
import type { InterfaceChoice } from './network/interfaces.js';
import { parseInterfaceOption } from './network/interfaces.js';
import type { ServerAddress } from './server-address.js';
import { parseAddress } from './server-address.js';
import { DEBUG_OPTION, HELP_OPTIONS } from './standard-options.js';

/** Where the initramfs keeps the keys (mandos-client(8mandos), FILES). */
export const KEY_DIRECTORY = '/conf/conf.d/mandos';
/** And the network hooks. */
const HOOK_DIRECTORY = '/lib/mandos/network-hooks.d';

/** The command line of mandos-client(8mandos). */
export const PROGRAM: Program = {
  name: 'mandos-client',
  summary:
    "Finds Mandos servers, gets this machine's password from one of them and prints it on standard output.",
  usage: ['[OPTION]...', '--connect=ADDRESS:PORT [OPTION]...', '--explain [OPTION]...'],
  options: [
    {
      name: 'connect',
      short: 'c',
      argument: 'ADDRESS:PORT',
      help: 'Ask this server only, without looking for others; may be given several times',
    },
    {
      name: 'server',
      argument: 'ADDRESS:PORT',
      help: 'Ask this server as well as those that are found; may be given several times',
    },
    {
      name: 'interface',
      short: 'i',
      argument: 'NAME[,NAME...]',
      help: 'Network interfaces to look for servers on; those behind "none" are not brought up. Default: all suitable ones',
    },
    {
      name: 'pubkey',
      short: 'p',
      argument: 'FILE',
      help: `OpenPGP public key; accepted, and not needed beside the secret key. Default: ${KEY_DIRECTORY}/pubkey.txt`,
    },
    {
      name: 'seckey',
      short: 's',
      argument: 'FILE',
      help: `OpenPGP secret key. Default: ${KEY_DIRECTORY}/seckey.txt`,
    },
    {
      name: 'tls-pubkey',
      short: 'T',
      argument: 'FILE',
      help: `TLS public key. Default: ${KEY_DIRECTORY}/tls-pubkey.pem`,
    },
    {
      name: 'tls-privkey',
      short: 't',
      argument: 'FILE',
      help: `TLS private key. Default: ${KEY_DIRECTORY}/tls-privkey.pem`,
    },
    {
      name: 'priority',
      argument: 'STRING',
      help: `GnuTLS priority string for the TLS handshake. Default: ${CLIENT_PRIORITY}`,
    },
    {
      name: 'delay',
      argument: 'SECONDS',
      help: 'Seconds after which interfaces that are not running are reported. Default: 2.5',
    },
    {
      name: 'retry',
      argument: 'SECONDS',
      help: 'Longest time between two tries of the same server. Default: 10',
    },
    {
      name: 'network-hook-dir',
      argument: 'DIR',
      help: `Network hooks. Default: ${HOOK_DIRECTORY}`,
    },
    {
      name: 'explain',
      help: 'Say of every condition whether it is met to get the password, asking servers, and exit without printing it',
    },
    {
      name: 'dh-bits',
      argument: 'BITS',
      help: 'Accepted, and no longer used: TLS 1.3 negotiates its groups',
    },
    {
      name: 'dh-params',
      argument: 'FILE',
      help: 'Accepted, and no longer used: TLS 1.3 negotiates its groups',
    },
    DEBUG_OPTION,
    ...HELP_OPTIONS,
  ],
  notes: `The password is printed without a newline. Exit status: 0 with a password, 1 when that can never
succeed (a key file is missing or damaged), 64 for a wrong command line. Without a
password it tries for ever, until it is ended by a signal. Before it ends it stops the
network hooks and takes down the interfaces that it has brought up.
`,
};

/** Options without an effect, and why. */
const UNUSED = new Map([
  ['dh-bits', 'TLS 1.3 negotiates its groups itself'],
  ['dh-params', 'TLS 1.3 negotiates its groups itself'],
]);

/** sysexits(3), as the original exits on a wrong command line. */
export const EX_USAGE = 64;

export interface ClientOptions {
  /** `--connect`: ask these only, without looking for others. */
  readonly connect: readonly ServerAddress[];
  /** `--server`: ask these too. */
  readonly servers: readonly ServerAddress[];
  readonly interfaces: InterfaceChoice;
  readonly seckey: string;
  readonly tlsPubkey: string;
  readonly tlsPrivkey: string;
  readonly priority: string;
  readonly hooks: HookSettings;
  readonly delayMs: number;
  readonly retryMs: number;
  readonly debug: boolean;
  /** What to say of options that were given and have no effect. */
  readonly unused: readonly string[];
}

/** @throws UsageError naming the option */
export function clientOptions(values: OptionValues): ClientOptions {
  const file = (name: string, fallback: string) => lastValue(values, name) ?? `${KEY_DIRECTORY}/${fallback}`;
  const delayMs = seconds(values, 'delay', 2.5);
  return {
    connect: addresses(values, 'connect'),
    servers: addresses(values, 'server'),
    interfaces: { ...parseInterfaceOption(values.get('interface') ?? []), direct: values.has('connect') },
    seckey: file('seckey', 'seckey.txt'),
    tlsPubkey: file('tls-pubkey', 'tls-pubkey.pem'),
    tlsPrivkey: file('tls-privkey', 'tls-privkey.pem'),
    priority: lastValue(values, 'priority') ?? CLIENT_PRIORITY,
    hooks: {
      directory: lastValue(values, 'network-hook-dir') ?? HOOK_DIRECTORY,
      device: values.get('interface')?.join(',') ?? '',
      delayMs,
      connect: values.get('connect')?.join(','),
      debug: values.has('debug'),
    },
    delayMs,
    retryMs: Math.max(seconds(values, 'retry', 10), SHORTEST_RETRY_MS),
    debug: values.has('debug'),
    unused: [...UNUSED].flatMap(([name, why]) => (values.has(name) ? `--${name} has no effect: ${why}` : [])),
  };
}

function addresses(values: OptionValues, name: string): ServerAddress[] {
  return (values.get(name) ?? []).map(text => {
    try {
      return parseAddress(text);
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(`--${name}: ${error.message}`) : error;
    }
  });
}

/** A week: longer is a mistake, and Node's timers end at 24.8 days. */
const LONGEST_SECONDS = 7 * 24 * 3600;

/** Below this a refusing server would be asked without pause. */
const SHORTEST_RETRY_MS = 1000;

function seconds(values: OptionValues, name: string, fallback: number): number {
  const text = lastValue(values, name);
  if (text === undefined) return fallback * 1000;
  const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  const hint = `(try --${name}=${fallback})`;
  if (Number.isNaN(value)) throw new UsageError(`--${name}: "${text}" is not a number of seconds ${hint}`);
  if (value > LONGEST_SECONDS)
    throw new UsageError(`--${name}: "${text}" is more than ${LONGEST_SECONDS} ${hint}`);
  return value * 1000;
}
