import { disableCoreDumps } from '../common/libc.js';
import type { Log } from '../common/log.js';
import { TlsContext } from '../common/tls/tls-context.js';
import type { ClientKeys } from './client-keys.js';
import { wipeKeys } from './client-keys.js';
import { systemClock } from './clock.js';
import type { OpenPgpKey } from './decrypt.js';
import { decryptSecret, readSecretKey } from './decrypt.js';
import { fetchSecret } from './fetch.js';
import { checkKeyPair } from './key-pair.js';
import type { Obtained, SearchWatcher } from './obtain.js';
import { obtainPassword } from './obtain.js';
import type { ClientOptions } from './options.js';
import { serverSources } from './server-sources.js';

export interface AskOptions {
  readonly log: Log;
  /** Gives up. */
  readonly signal: AbortSignal;
  readonly watcher?: SearchWatcher | undefined;
  /** Called when keys and libraries are read, before anything from the network is: rights are given up. */
  readonly beforeNetwork: () => void;
}

/**
 * Gets the password from whichever server has it, with these keys, over the network as it is.
 * @param options how to find servers; its key files are not read
 * @param keys overwritten when they are used
 * @throws MandosError KEY_FILE, TLS_KEY: keys that no server and no time will make good; the signal's reason
 */
export async function obtain(
  options: ClientOptions,
  keys: ClientKeys,
  { log, signal, watcher, beforeNetwork }: AskOptions,
): Promise<Obtained> {
  disableCoreDumps();
  try {
    const context = createContext(options.priority, keys);
    const sources = await serverSources(options, log);
    beforeNetwork();
    const failed = new AbortController();
    let loading: Promise<OpenPgpKey> | undefined;
    // Parsing takes time that the network is better spent waiting with: the first connection goes out before it.
    const loadKey = () => {
      loading ??= readSecretKey(keys.seckey.file, keys.seckey.bytes).finally(() => wipeKeys(keys));
      loading.catch((error: unknown) => failed.abort(error));
      return loading;
    };
    const obtaining = obtainPassword({
      sources,
      fetch: ({ host, port }, tryOver, progress) => fetchSecret(host, port, context, tryOver, progress),
      decrypt: async blob => decryptSecret(blob, await loadKey()),
      retryMs: options.retryMs,
      log,
      signal: AbortSignal.any([signal, failed.signal]),
      clock: systemClock,
      random: Math.random,
      watcher,
    });
    setImmediate(() => void loadKey());
    return await obtaining;
  } finally {
    wipeKeys(keys);
  }
}

function createContext(priority: string, { tlsPubkey, tlsPrivkey }: ClientKeys): TlsContext {
  try {
    // A server can only see a handshake that fails, and would be asked for ever.
    checkKeyPair(tlsPubkey.file, tlsPubkey.bytes, tlsPrivkey.file, tlsPrivkey.bytes);
    return new TlsContext(priority, { publicKey: tlsPubkey.bytes, privateKey: tlsPrivkey.bytes });
  } finally {
    tlsPrivkey.bytes.fill(0);
  }
}
