import { readFileSync } from 'node:fs';
import { parseCommandLine, UsageError } from '../common/cli.js';
import { endOnCrash } from '../common/crash.js';
import { describeError, MandosError } from '../common/errors.js';
import { disableCoreDumps } from '../common/libc.js';
import type { Log } from '../common/log.js';
import { createLog, standardErrorSink } from '../common/log.js';
import { printOut } from '../common/output.js';
import { TlsContext } from '../common/tls/tls-context.js';
import { systemClock } from './clock.js';
import { decryptSecret, readSecretKey } from './decrypt.js';
import type { OpenPgpKey } from './decrypt.js';
import { fetchSecret } from './fetch.js';
import { checkKeyPair } from './key-pair.js';
import type { Obtained, SearchWatcher } from './obtain.js';
import { obtainPassword } from './obtain.js';
import type { ClientOptions } from './options.js';
import { clientOptions, EX_USAGE, PROGRAM } from './options.js';
import { serverSources } from './server-sources.js';

/**
 * mandos-client as a program: the password goes to standard output, and the process ends. A signal ends it as it ends
 * any program: there is nothing to tidy up, and nothing is on standard output before the whole password is.
 */
export async function main(argv: readonly string[]): Promise<void> {
  let log = createLog(standardErrorSink(PROGRAM.name), 'info');
  endOnCrash(() => log);
  try {
    const commandLine = parseCommandLine(PROGRAM, argv);
    if (commandLine.kind === 'print') {
      printOut(commandLine.text);
      return;
    }
    const options = clientOptions(commandLine.values);
    if (options.debug) log = createLog(standardErrorSink(PROGRAM.name), 'debug');
    const { password } = await obtain(options, log, new AbortController().signal);
    try {
      // Without a newline: cryptsetup takes every byte.
      printOut(password);
    } finally {
      password.fill(0);
    }
    // Tries that lost may still be decrypting; nobody waits for them.
    process.exit(0);
  } catch (error) {
    log.error(describeError(error));
    process.exitCode = error instanceof UsageError ? EX_USAGE : 1;
  }
}

/**
 * Gets the password with the keys of this machine.
 * @throws MandosError KEY_FILE, TLS_KEY: keys that no server and no time will make good; the signal's reason
 */
export async function obtain(
  options: ClientOptions,
  log: Log,
  signal: AbortSignal,
  watcher?: SearchWatcher,
): Promise<Obtained> {
  disableCoreDumps();
  options.unused.forEach(message => log.info(message));
  const secretKeyBytes = readKeyFile(options.seckey);
  const context = createContext(options);
  const failed = new AbortController();
  let loading: Promise<OpenPgpKey> | undefined;
  // Parsing takes time that the network is better spent waiting with: the first connection goes out before it.
  const loadKey = () => {
    loading ??= readSecretKey(options.seckey, secretKeyBytes);
    loading.catch((error: unknown) => failed.abort(error));
    return loading;
  };
  const obtaining = obtainPassword({
    sources: serverSources(options, log),
    fetch: ({ host, port }, tryOver, connected) => fetchSecret(host, port, context, tryOver, connected),
    decrypt: async blob => decryptSecret(blob, await loadKey()),
    retryMs: options.retryMs,
    log,
    signal: AbortSignal.any([signal, failed.signal]),
    clock: systemClock,
    random: Math.random,
    watcher,
  });
  setImmediate(() => void loadKey());
  try {
    return await obtaining;
  } finally {
    secretKeyBytes.fill(0);
  }
}

function readKeyFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new MandosError('KEY_FILE', `cannot read the key file ${file}: ${describeError(error)}`, {
      cause: error,
    });
  }
}

function createContext({ tlsPubkey, tlsPrivkey, priority }: ClientOptions): TlsContext {
  const [publicKey, privateKey] = [readKeyFile(tlsPubkey), readKeyFile(tlsPrivkey)];
  try {
    // A server can only see a handshake that fails, and would be asked for ever.
    checkKeyPair(tlsPubkey, publicKey, tlsPrivkey, privateKey);
    return new TlsContext(priority, { publicKey, privateKey });
  } finally {
    privateKey.fill(0);
  }
}
