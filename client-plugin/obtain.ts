import type { Clock } from './clock.js';
import { MandosError } from '../common/errors.js';
import type { Log } from '../common/log.js';
import { ServerReport } from './server-report.js';
import type { Server, Target, Try } from './server-tries.js';
import { ServerTries } from './server-tries.js';

/**
 * Something that knows servers: Zeroconf, or the command line. Reports all it knows at each change, until the signal
 * aborts; never throws later on.
 */
export type ServerSource = (report: (servers: readonly Server[]) => void, signal: AbortSignal) => void;

/** What a try tells before it ends. */
export interface TryProgress {
  /** It has a connection: other addresses of the same server can wait. */
  readonly connected: () => void;
  /** The server has said something: it is none that only holds connections. */
  readonly answered: () => void;
}

export interface ObtainOptions {
  readonly sources: readonly ServerSource[];
  /**
   * Gets the encrypted password from one place. Says when it has a connection, so that the server is not tried at its
   * other addresses meanwhile, and when the server has said something. @throws MandosError FETCH_…
   */
  readonly fetch: (target: Target, signal: AbortSignal, progress: TryProgress) => Promise<Uint8Array>;
  readonly decrypt: (blob: Uint8Array) => Promise<Uint8Array>;
  /** Longest pause between tries of the same server: `--retry`. */
  readonly retryMs: number;
  readonly log: Log;
  /** Gives up. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Is told how it goes; absent at boot, when there is nobody to tell. */
  readonly watcher?: SearchWatcher | undefined;
}

/** For who cannot wait for ever, and has to judge whether waiting helps. */
export interface SearchWatcher {
  /** All servers that are known now, at each change. */
  serversChanged(servers: readonly Server[]): void;
  /** A try has ended without a password. */
  tryFailed(attempt: Try, error: unknown): void;
}

export interface Obtained {
  readonly password: Uint8Array;
  readonly target: Target;
}

/**
 * Asks all servers that its sources know, again and again, until one has sent a password that can be decrypted
 * (mandos-client(8mandos)). Then all other tries and the sources are stopped.
 * @throws the signal's reason when it aborts, and nothing else
 */
export function obtainPassword(options: ObtainOptions): Promise<Obtained> {
  return new Promise((resolve, reject) => {
    options.signal.throwIfAborted();
    new Search(options, resolve, reject).begin();
  });
}

class Search {
  readonly #options: ObtainOptions;
  readonly #resolve: (obtained: Obtained) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #tries: ServerTries;
  readonly #report: ServerReport;
  readonly #stop = new AbortController();
  readonly #aborts = new Map<Try, AbortController>();
  /** What each source knows. */
  readonly #known: (readonly Server[])[];
  #servers = new Map<string, Server>();
  #cancelTimer = () => {};

  constructor(
    options: ObtainOptions,
    resolve: (obtained: Obtained) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#tries = new ServerTries(options);
    this.#report = new ServerReport(options.log, options.clock);
    this.#known = options.sources.map(() => []);
  }

  begin(): void {
    const { sources, signal } = this.#options;
    signal.addEventListener('abort', this.#giveUp, { once: true });
    for (const [at, source] of sources.entries()) {
      source(servers => {
        this.#known[at] = servers;
        this.#serversChanged();
      }, this.#stop.signal);
    }
  }

  readonly #giveUp = () => {
    this.#end();
    this.#reject(this.#options.signal.reason);
  };

  #end(): void {
    this.#cancelTimer();
    this.#options.signal.removeEventListener('abort', this.#giveUp);
    this.#stop.abort();
    for (const controller of this.#aborts.values()) controller.abort();
  }

  #serversChanged(): void {
    if (this.#stop.signal.aborted) return;
    const servers = new Map(this.#known.flat().map(server => [server.key, server]));
    for (const server of servers.values()) if (!this.#servers.has(server.key)) this.#report.found(server);
    for (const server of this.#servers.values()) if (!servers.has(server.key)) this.#report.gone(server);
    this.#servers = servers;
    this.#options.watcher?.serversChanged([...servers.values()]);
    this.#tries.setServers([...servers.values()], this.#options.clock.nowMs());
    this.#step();
  }

  #step(): void {
    this.#cancelTimer();
    const { clock } = this.#options;
    const { start, abort } = this.#tries.step(clock.nowMs());
    for (const attempt of abort) {
      const waited = Math.round((clock.nowMs() - attempt.startedMs) / 1000);
      this.#aborts
        .get(attempt)
        ?.abort(new MandosError('FETCH_TIMEOUT', `no password after ${waited} s while other servers wait`));
    }
    for (const attempt of start) void this.#run(attempt);
    const nextMs = this.#tries.nextMs();
    if (nextMs === Infinity) return;
    this.#cancelTimer = clock.after(Math.max(0, nextMs - clock.nowMs()), () => this.#step());
  }

  async #run(attempt: Try): Promise<void> {
    const { target } = attempt;
    const controller = new AbortController();
    this.#aborts.set(attempt, controller);
    try {
      const password = await this.#tryOnce(attempt, controller.signal);
      if (this.#stop.signal.aborted) {
        password.fill(0);
        return;
      }
      this.#end();
      this.#resolve({ password, target });
    } catch (error) {
      this.#aborts.delete(attempt);
      if (this.#stop.signal.aborted) return;
      this.#report.failed(target, error);
      this.#options.watcher?.tryFailed(attempt, error);
      const unreachable = error instanceof MandosError && error.code === 'FETCH_CONNECT';
      this.#tries.ended(attempt, unreachable ? 'unreachable' : 'failed', this.#options.clock.nowMs());
      this.#step();
    }
  }

  async #tryOnce(attempt: Try, signal: AbortSignal): Promise<Uint8Array> {
    const { fetch, decrypt, clock } = this.#options;
    const blob = await fetch(attempt.target, signal, {
      connected: () => this.#tries.connected(attempt, clock.nowMs()),
      answered: () => this.#tries.answered(attempt),
    });
    try {
      return await decrypt(blob);
    } finally {
      blob.fill(0);
    }
  }
}
