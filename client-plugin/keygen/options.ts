import { lastValue, UsageError } from '../../common/cli.js';
import type { OptionValues, Program } from '../../common/cli.js';
import { KEY_DIRECTORY } from './advice.js';
import { checkClientName } from './client-name.js';
import { parseExpiration } from './expiration.js';
import type { Expiration } from './expiration.js';
import { modeOf } from './modes.js';
import { TLS_KEY_TYPES } from './tls-key.js';
import type { TlsKeyType } from './tls-key.js';

const RSA_DEFAULT_BITS = 4096;
/** Bits below which an RSA key can be broken in the years that a disk's key lives (NIST SP 800-57). */
const RSA_MIN_BITS = 2048;
/** Bits of the largest number that gpg(1) reads. */
const RSA_MAX_BITS = 16384;

/** The command line of mandos-keygen(8), and --test. */
export const PROGRAM: Program = {
  name: 'mandos-keygen',
  summary: "Makes this machine's Mandos keys, encrypts its password for the server, and tests both.",
  usage: [
    '[OPTION]...                        make new keys',
    '--password|--passfile=FILE [-S]    print a section for clients.conf',
    '--test[=DEVICE]                    ask the servers for the password now',
  ],
  options: [
    {
      name: 'dir',
      short: 'd',
      argument: 'DIRECTORY',
      help: `Directory of the keys. Default: ${KEY_DIRECTORY}`,
    },
    {
      name: 'type',
      short: 't',
      argument: 'KEYTYPE',
      help: 'OpenPGP key type: Curve25519 or RSA. Default: Curve25519; RSA when a length is given',
    },
    {
      name: 'length',
      short: 'l',
      argument: 'BITS',
      help: `Length of an RSA key. Default: ${RSA_DEFAULT_BITS}`,
    },
    {
      name: 'subtype',
      short: 's',
      argument: 'KEYTYPE',
      help: 'Type of the OpenPGP encryption subkey: Curve25519 or RSA. Default: as --type',
    },
    {
      name: 'sublength',
      short: 'L',
      argument: 'BITS',
      help: `Length of an RSA subkey. Default: ${RSA_DEFAULT_BITS}`,
    },
    {
      name: 'name',
      short: 'n',
      argument: 'NAME',
      help: "Name of this client. Default: this machine's full name",
    },
    {
      name: 'email',
      short: 'e',
      argument: 'ADDRESS',
      help: 'Email address of the OpenPGP key. Default: none',
    },
    { name: 'comment', short: 'c', argument: 'TEXT', help: 'Comment of the OpenPGP key. Default: none' },
    {
      name: 'expire',
      short: 'x',
      argument: 'TIME',
      help: 'When the OpenPGP key expires: 0 (never), a number of days, Nd, Nw, Nm, Ny or YYYY-MM-DD. Default: never',
    },
    {
      name: 'tls-keytype',
      short: 'T',
      argument: 'KEYTYPE',
      help: `TLS key type: ${TLS_KEY_TYPES.join(', ')}. Default: ed25519`,
    },
    { name: 'force', short: 'f', help: 'Replace keys that are there; they are kept as FILE.~1~' },
    {
      name: 'password',
      short: 'p',
      help: 'Ask for a password, encrypt it with the keys in the directory and print a section for clients.conf. White space around the password is removed',
    },
    {
      name: 'passfile',
      short: 'F',
      argument: 'FILE',
      help: 'As --password, with the password from FILE, byte for byte; "-" is standard input',
    },
    { name: 'no-ssh', short: 'S', help: "Do not make this machine's SSH key part of the section's checker" },
    {
      name: 'test',
      argument: 'DEVICE',
      optionalArgument: true,
      help: 'Ask the servers for the password and tell whether it decrypts, without showing it; with DEVICE, whether it opens that LUKS device',
    },
    {
      name: 'connect',
      argument: 'ADDRESS:PORT',
      help: 'With --test: ask this server only; may be given several times',
    },
    {
      name: 'interface',
      argument: 'NAME',
      help: 'With --test: look for servers on this network interface; may be given several times',
    },
    { name: 'version', short: 'v', help: 'Show the version and exit' },
    { name: 'help', short: 'h', help: 'Show this help and exit' },
  ],
};

/** An OpenPGP key or subkey to be made. */
export type OpenPgpKeyType =
  { readonly type: 'curve25519' } | { readonly type: 'rsa'; readonly bits: number };

export interface GenerateRequest {
  readonly kind: 'generate';
  readonly directory: string;
  /** Undefined: the machine's own name. */
  readonly name: string | undefined;
  readonly email: string | undefined;
  readonly comment: string | undefined;
  readonly expiration: Expiration;
  readonly primary: OpenPgpKeyType;
  readonly subkey: OpenPgpKeyType;
  readonly tlsKeyType: TlsKeyType;
  readonly force: boolean;
}

export interface SecretRequest {
  readonly kind: 'secret';
  readonly directory: string;
  readonly name: string | undefined;
  /** Undefined: ask on the terminal. `-`: standard input. */
  readonly passfile: string | undefined;
  readonly ssh: boolean;
}

export interface TestRequest {
  readonly kind: 'test';
  readonly directory: string;
  /** LUKS device that the password must open. */
  readonly device: string | undefined;
  /** `ADDRESS:PORT` as given. */
  readonly connect: readonly string[];
  readonly interfaces: readonly string[];
}

export type Request = GenerateRequest | SecretRequest | TestRequest;

/**
 * What is asked for. Options of other modes are not looked at.
 * @throws UsageError naming the option
 */
export function keygenRequest(values: OptionValues): Request {
  const mode = modeOf(values);
  const directory = lastValue(values, 'dir') ?? KEY_DIRECTORY;
  if (mode === 'test') {
    return {
      kind: 'test',
      directory,
      device: lastValue(values, 'test') || undefined,
      connect: values.get('connect') ?? [],
      interfaces: values.get('interface') ?? [],
    };
  }
  const givenName = lastValue(values, 'name');
  const name = givenName === undefined ? undefined : checkClientName(givenName);
  if (mode === 'secret') {
    return {
      kind: 'secret',
      directory,
      name,
      passfile: lastValue(values, 'passfile'),
      ssh: !values.has('no-ssh'),
    };
  }
  const primary = openPgpKeyType(values, 'type', 'length', defaultType(values));
  return {
    kind: 'generate',
    directory,
    name,
    email: lastValue(values, 'email') || undefined,
    comment: lastValue(values, 'comment') || undefined,
    expiration: parseExpiration(lastValue(values, 'expire') ?? '0'),
    primary,
    subkey: openPgpKeyType(values, 'subtype', 'sublength', primary.type),
    tlsKeyType: tlsKeyType(lastValue(values, 'tls-keytype') ?? 'ed25519'),
    force: values.has('force'),
  };
}

/** The original makes RSA keys unless told otherwise, so that a length without a type means RSA. */
function defaultType(values: OptionValues): OpenPgpKeyType['type'] {
  return values.has('length') || values.has('sublength') ? 'rsa' : 'curve25519';
}

/** The names that gpg(1) has for these algorithms, in lower case. */
const OPENPGP_TYPES: Readonly<Record<string, OpenPgpKeyType['type']>> = {
  rsa: 'rsa',
  curve25519: 'curve25519',
  cv25519: 'curve25519',
  ed25519: 'curve25519',
  eddsa: 'curve25519',
  ecdh: 'curve25519',
};

function openPgpKeyType(
  values: OptionValues,
  typeOption: string,
  lengthOption: string,
  fallback: OpenPgpKeyType['type'],
): OpenPgpKeyType {
  const text = lastValue(values, typeOption);
  const length = lastValue(values, lengthOption);
  const type = text === undefined ? fallback : OPENPGP_TYPES[text.toLowerCase()];
  if (type === undefined) {
    throw new UsageError(
      `--${typeOption}: "${text}" keys cannot be made here: Curve25519 and RSA can, in any combination of --type and --subtype`,
    );
  }
  if (type === 'rsa') return { type, bits: rsaBits(lengthOption, length ?? String(RSA_DEFAULT_BITS)) };
  if (length !== undefined) {
    throw new UsageError(
      `--${lengthOption}: a Curve25519 key has no choice of length: add --${typeOption}=RSA`,
    );
  }
  return { type };
}

function rsaBits(option: string, text: string): number {
  const bits = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS && bits % 8 === 0) return bits;
  if (bits < RSA_MIN_BITS) {
    throw new UsageError(
      `--${option}: an RSA key of ${bits} bits can be broken: use ${RSA_MIN_BITS} or more (default: ${RSA_DEFAULT_BITS})`,
    );
  }
  throw new UsageError(
    `--${option}: "${text}" is not a multiple of 8 from ${RSA_MIN_BITS} to ${RSA_MAX_BITS} (default: ${RSA_DEFAULT_BITS})`,
  );
}

function tlsKeyType(text: string): TlsKeyType {
  const wanted = text.toLowerCase() === 'ecc' ? 'ecdsa' : text.toLowerCase();
  const type = TLS_KEY_TYPES.find(known => known === wanted);
  if (type !== undefined) return type;
  throw new UsageError(`--tls-keytype: "${text}" is not one of ${TLS_KEY_TYPES.join(', ')}`);
}
