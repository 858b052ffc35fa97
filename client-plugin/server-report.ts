import type { Clock } from './clock.js';
import type { Log } from '../common/log.js';
import { MandosError, describeError } from '../common/errors.js';
import type { Server, Target } from './server-tries.js';
import { targetKey } from './server-tries.js';

/** Lines about servers at once; a console shows some twenty, and false announcements must not fill it. */
const BURST_LINES = 20;
/** One more line in this time: what goes on for long is still seen. */
const REFILL_MS = 30_000;
/** Failures remembered; false servers that come and go must not fill the memory. */
const MAX_REMEMBERED = 1000;

/** Says each change of a server's state once: a failure that repeats is for `--debug` only. */
export class ServerReport {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #lastFailure = new Map<string, string>();
  #lines = BURST_LINES;
  #refilledMs: number;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#refilledMs = clock.nowMs();
  }

  found(server: Server): void {
    const [first] = server.targets;
    if (first?.origin === 'zeroconf') this.#say(`found server ${describeServer(server)}`);
  }

  gone(server: Server): void {
    for (const target of server.targets) this.#lastFailure.delete(targetKey(target));
    if (server.targets[0]?.origin === 'zeroconf') {
      this.#say(`server ${describeServer(server)} is not announced any more`);
    }
  }

  failed(target: Target, error: unknown): void {
    const line = `server ${describeTarget(target)} ${describeFailure(error)}`;
    const key = targetKey(target);
    if (this.#lastFailure.get(key) === line) this.#log.debug(line);
    else this.#say(line);
    if (this.#lastFailure.size >= MAX_REMEMBERED) this.#lastFailure.clear();
    this.#lastFailure.set(key, line);
  }

  #say(line: string): void {
    const nowMs = this.#clock.nowMs();
    const refilled = Math.floor((nowMs - this.#refilledMs) / REFILL_MS);
    this.#refilledMs += refilled * REFILL_MS;
    this.#lines = Math.min(BURST_LINES, this.#lines + refilled);
    if (this.#lines === 0) {
      this.#log.debug(line);
      return;
    }
    this.#log.info(line);
    if (--this.#lines === 0)
      this.#log.info('too much news about servers: the rest is shown with --debug only');
  }
}

/** As in `"Mandos" at fe80::1%eth0 port 4711`; a server given by its address is that address. */
export function describeTarget(target: Target): string {
  const place = `${target.host} port ${target.port}`;
  return target.origin === 'given' ? place : `"${target.label}" at ${place}`;
}

function describeServer(server: Server): string {
  const [first, ...others] = server.targets;
  if (!first) return 'without an address';
  return describeTarget(first) + (others.length > 0 ? ` (and ${others.length} more)` : '');
}

function describeFailure(error: unknown): string {
  const what = describeError(error);
  switch (error instanceof MandosError ? error.code : '') {
    case 'FETCH_CONNECT':
      return `could not be reached: ${what}`;
    case 'FETCH_REFUSED':
      return `refused: ${what}`;
    default:
      return isReset(error)
        ? `failed: ${what} (it refuses this address, or has too many connections: its log says so; or another program has this port)`
        : `failed: ${what}`;
  }
}

/** What a server does that does not even look at the greeting (mandos.conf(5): allow, deny, max_connections). */
function isReset(error: unknown): boolean {
  return (
    error instanceof MandosError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNRESET'
  );
}
