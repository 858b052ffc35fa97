import type { Log } from '../../common/log.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import type { ClientKeys } from '../client-keys.js';
import { wipeKeys } from '../client-keys.js';
import { systemClock } from '../clock.js';
import { decryptSecret, readSecretKey } from '../decrypt.js';
import { fetchSecret } from '../fetch.js';
import type { SearchWatcher } from '../obtain.js';
import { obtainPassword } from '../obtain.js';
import type { ClientOptions } from '../options.js';
import type { Target } from '../server-tries.js';
import { targetKey } from '../server-tries.js';
import { serverSources } from '../server-sources.js';

/** For all: servers answer within a second or two, and one that waits for an operator does so for minutes. */
const SEARCH_LIMIT_MS = 30_000;
/** For servers that announce themselves later than those that have failed already. */
const OTHER_SERVERS_MS = 5_000;
/** Anybody can announce anything. */
const MOST_ATTEMPTS = 32;

/** How it went with a server at one of its addresses. */
export interface Attempt {
  readonly target: Target;
  /** The server has taken the connection. */
  connected: boolean;
  /** Bytes of the message that it sent. */
  bytes: number | undefined;
  /** Undefined while it goes on, or when it has given the password. */
  error: unknown;
}

export interface SearchResult {
  /** In the order in which they were tried. */
  readonly attempts: readonly Attempt[];
  /** Who gave a password that decrypts. */
  readonly winner: Attempt | undefined;
  readonly isPasswordEmpty: boolean;
  /** How long it lasted. */
  readonly tookMs: number;
  /** Why nothing could be tried at all. */
  readonly fault: unknown;
}

/**
 * Asks the servers as a boot does, until one has given the password, all have failed, or the time is over.
 * @param keys overwritten
 * @param beforeNetwork called when all is read, before anything from the network is: rights are given up
 */
export async function search(
  options: ClientOptions,
  keys: ClientKeys,
  log: Log,
  beforeNetwork: () => void,
): Promise<SearchResult> {
  const attempts = new Map<string, Attempt>();
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), SEARCH_LIMIT_MS);
  const startedMs = performance.now();
  const result = (winner?: Attempt, isPasswordEmpty = false, fault?: unknown): SearchResult => ({
    attempts: [...attempts.values()],
    winner,
    isPasswordEmpty,
    tookMs: performance.now() - startedMs,
    fault,
  });
  const attemptAt = (target: Target): Attempt => {
    const attempt = attempts.get(targetKey(target)) ?? {
      target,
      connected: false,
      bytes: undefined,
      error: undefined,
    };
    if (attempts.size < MOST_ATTEMPTS) attempts.set(targetKey(target), attempt);
    return attempt;
  };
  try {
    // Left open: tries that are given up may still use it.
    const context = new TlsContext(options.priority, {
      publicKey: keys.tlsPubkey.bytes,
      privateKey: keys.tlsPrivkey.bytes,
    });
    const openPgpKey = await readSecretKey(keys.seckey.file, keys.seckey.bytes);
    wipeKeys(keys);
    const sources = await serverSources(options, log);
    beforeNetwork();
    const { password, target } = await obtainPassword({
      sources,
      fetch: async (place, signal, progress) => {
        const attempt = attemptAt(place);
        const connected = () => {
          attempt.connected = true;
          progress.connected();
        };
        const blob = await fetchSecret(place.host, place.port, context, signal, { ...progress, connected });
        attempt.bytes = blob.length;
        return blob;
      },
      decrypt: blob => decryptSecret(blob, openPgpKey),
      retryMs: options.retryMs,
      log,
      signal: end.signal,
      clock: systemClock,
      random: Math.random,
      watcher: failureWatcher(attemptAt, options.connect.length > 0 ? 0 : OTHER_SERVERS_MS, () =>
        end.abort(),
      ),
    });
    const isPasswordEmpty = password.length === 0;
    password.fill(0);
    return result(attemptAt(target), isPasswordEmpty);
  } catch (error) {
    return result(undefined, false, end.signal.aborted ? undefined : error);
  } finally {
    clearTimeout(timer);
    wipeKeys(keys);
  }
}

/** Ends the search when all servers that are known have failed at all their addresses, and no other comes. */
function failureWatcher(
  attemptAt: (target: Target) => Attempt,
  graceMs: number,
  end: () => void,
): SearchWatcher {
  const failed = new Set<string>();
  let known: string[] = [];
  let cancel: (() => void) | undefined;
  const judge = () => {
    if (known.length === 0 || !known.every(key => failed.has(key))) {
      cancel?.();
      cancel = undefined;
    } else cancel ??= systemClock.after(graceMs, end);
  };
  return {
    serversChanged(servers) {
      known = servers.flatMap(({ targets }) => targets.map(targetKey));
      judge();
    },
    tryFailed({ target }, error) {
      attemptAt(target).error = error;
      failed.add(targetKey(target));
      judge();
    },
  };
}
