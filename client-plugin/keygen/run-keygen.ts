import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from '../../common/cli.js';
import { endOnCrash } from '../../common/crash.js';
import { describeError } from '../../common/errors.js';
import { disableCoreDumps } from '../../common/libc.js';
import { createLog, standardErrorSink } from '../../common/log.js';
import { printOut } from '../../common/output.js';
import { readSecretKey } from '../decrypt.js';
import type { OpenPgpKey } from '../decrypt.js';
import { readClientKeys } from '../client-keys.js';
import { clientOptions } from '../options.js';
import { processPrivileges } from '../privileges.js';
import { describeTarget } from '../server-report.js';
import { keygenCommand } from './advice.js';
import { checkClientName } from './client-name.js';
import { lifetimeSeconds } from './expiration.js';
import { readKeyFiles, refuseOverwrite, writeKeyFiles } from './key-files.js';
import { ignoredOptions } from './modes.js';
import { checkPublicKey, encryptPassword, generateOpenPgpKey } from './openpgp-key.js';
import { keygenRequest, PROGRAM } from './options.js';
import type { GenerateRequest, SecretRequest, TestRequest } from './options.js';
import { askPassword, readPassfile } from './password-input.js';
import { run } from './run.js';
import { formatSecretSection } from './secret-section.js';
import { scanLocalSshKey } from './ssh-fingerprint.js';
import { testPassword } from './test-password.js';
import type { Obtain } from './test-password.js';
import { checkTlsKeyPair, generateTlsKey } from './tls-key.js';

const log = createLog(standardErrorSink(PROGRAM.name), 'info');

/** As mandos-client does at boot, which is loaded only here: the rest of this program needs no network. */
const obtain: Obtain = async (keyDirectory, { connect, interfaces, signal, watcher, beforeNetwork }) => {
  const client = await import('../ask-servers.js');
  const options = clientOptions(
    new Map([
      ['connect', connect],
      ['interface', interfaces],
      ['seckey', [join(keyDirectory, 'seckey.txt')]],
      ['tls-pubkey', [join(keyDirectory, 'tls-pubkey.pem')]],
      ['tls-privkey', [join(keyDirectory, 'tls-privkey.pem')]],
    ]),
  );
  const { password, target } = await client.obtain(options, readClientKeys(options), {
    log,
    signal,
    watcher,
    beforeNetwork,
  });
  return { password, server: describeTarget(target) };
};

/** How to say what is done, behind an option that has nothing to do with it. */
const EFFECTIVE = {
  generate: 'when keys are made',
  secret: 'with --password and --passfile',
  test: 'with --test',
} as const;

/** mandos-keygen(8) as a program. */
export async function main(argv: readonly string[]): Promise<void> {
  endOnCrash(() => log);
  try {
    await keygen(argv);
  } catch (error) {
    log.error(describeError(error));
    process.exitCode = 1;
  }
}

async function keygen(argv: readonly string[]): Promise<void> {
  const commandLine = parseCommandLine(PROGRAM, argv);
  if (commandLine.kind === 'print') {
    printOut(commandLine.text);
    return;
  }
  disableCoreDumps();
  const request = keygenRequest(commandLine.values);
  for (const name of ignoredOptions(commandLine.values, request.kind)) {
    log.warning(`--${name} has no effect ${EFFECTIVE[request.kind]}`);
  }
  switch (request.kind) {
    case 'generate':
      await generate(request);
      return;
    case 'secret':
      printOut(await secretSection(request));
      return;
    case 'test':
      printOut(`${await test(request)}\n`);
      return;
  }
}

async function generate(request: GenerateRequest): Promise<void> {
  const { directory, force } = request;
  refuseOverwrite(directory, force);
  if (request.tlsKeyType === 'rsa' || request.primary.type === 'rsa' || request.subkey.type === 'rsa')
    hint('making RSA keys, which takes from seconds to minutes');
  const name = request.name ?? (await hostName());
  const [openPgp, tls] = await Promise.all([
    generateOpenPgpKey({
      ...request,
      name,
      lifetimeSeconds: lifetimeSeconds(request.expiration, Date.now()),
    }),
    generateTlsKey(request.tlsKeyType),
  ]);
  const contents = {
    'seckey.txt': openPgp.secret,
    'pubkey.txt': openPgp.public,
    'tls-privkey.pem': tls.private,
    'tls-pubkey.pem': tls.public,
  };
  writeKeyFiles(directory, contents, force);
  hint(
    `made new keys in ${directory}; next: "${keygenCommand(directory, '--password')}" for the server's clients.conf`,
  );
}

interface Keys {
  readonly openPgp: OpenPgpKey;
  readonly fingerprint: string;
  readonly keyId: string;
}

/** Reads both key pairs and checks that each belongs together. */
async function readKeys(directory: string): Promise<Keys> {
  const files = readKeyFiles(directory);
  const at = (file: keyof typeof files) => ({ file: join(directory, file), bytes: files[file] });
  try {
    const remake = keygenCommand(directory, '--force');
    const openPgp = await readSecretKey(at('seckey.txt').file, files['seckey.txt'], remake);
    const fingerprint = await checkPublicKey(at('pubkey.txt').file, files['pubkey.txt'], openPgp);
    return { openPgp, fingerprint, keyId: checkTlsKeyPair(at('tls-privkey.pem'), at('tls-pubkey.pem')) };
  } finally {
    files['seckey.txt'].fill(0);
    files['tls-privkey.pem'].fill(0);
  }
}

async function secretSection({ directory, name, passfile, ssh }: SecretRequest): Promise<string> {
  const { openPgp, fingerprint, keyId } = await readKeys(directory);
  const client = name ?? (await hostName());
  const password = passfile === undefined ? await askPassword(directory) : readPassfile(passfile, log);
  const secret = await encryptPassword(password, openPgp).finally(() => password.fill(0));
  return formatSecretSection({
    name: client,
    keyId,
    fingerprint,
    secret,
    ssh: ssh ? await scanLocalSshKey() : undefined,
  });
}

async function test({ directory, device, connect, interfaces }: TestRequest): Promise<string> {
  // Loads the OpenPGP library too, which in a checkout nobody but root may be able to read later.
  await readKeys(directory);
  hint('asking for the password');
  return testPassword(directory, device, { connect, interfaces }, obtain, processPrivileges());
}

/** This machine's full name; the short one where it has no domain, or no program to tell. */
async function hostName(): Promise<string> {
  const noAnswer = { status: null, stdout: '' };
  const { status, stdout } = await run('hostname', ['--fqdn']).catch(() => noAnswer);
  return checkClientName(status === 0 && stdout.trim() !== '' ? stdout : hostname());
}

/** For a person at a terminal, not for a script's log. */
function hint(message: string): void {
  if (process.stderr.isTTY) log.info(message);
}
