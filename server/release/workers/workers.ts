import { closeDescriptor } from '../../../common/libc-tcp.js';
import { describeError } from '../../../common/errors.js';
import type { Log } from '../../../common/log.js';
import { LOG_LEVELS } from '../../../common/log.js';
import type { AdmissionCode, AdmissionCounts } from '../admission.js';
import { NO_COUNTS } from '../admission.js';
import type { ReleaseService } from '../connection.js';
import type { Listener, ListenTarget } from '../listener.js';
import { prepareSocket } from '../listener.js';
import type { WorkerLimits } from './protocol.js';
import { Worker } from './worker.js';

/** From the end of a worker to the next one: longer each time that one ends at once. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** One that has served for so long is no failure from the start. */
const PROVEN_MS = 60_000;

const ADMISSION_CODES = Object.keys(NO_COUNTS.refused) as AdmissionCode[];

export interface WorkersService {
  readonly priority: string;
  readonly log: Log;
  /** Of all workers together. */
  readonly limits: () => WorkerLimits;
  readonly ask: ReleaseService['ask'];
}

/**
 * Serves connections in processes of their own, which share the work of TLS among the cores of the machine; this one
 * decides. A worker that ends is replaced: its connections are lost, and the clients ask again.
 */
export class WorkersListener implements Listener {
  readonly address: string;
  readonly port: number;
  readonly #fd: number;
  readonly #service: WorkersService;
  readonly #places: Place[];
  /** Of workers that have ended. */
  #ended = NO_COUNTS;
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  /** @param target whose descriptor is the listener's from now on @throws MandosError LISTEN */
  constructor(count: number, target: ListenTarget, service: WorkersService) {
    const { address, port } = prepareSocket(target);
    this.address = address;
    this.port = port;
    this.#fd = target.fd;
    this.#service = service;
    this.#places = Array.from({ length: count }, (_, i) => ({
      number: i + 1,
      pauseMs: FIRST_PAUSE_MS,
      listening: Promise.resolve(),
    }));
    for (const place of this.#places) this.#fill(place);
  }

  /** Resolves when all workers accept connections. */
  async listening(): Promise<void> {
    await Promise.all(this.#places.map(({ listening }) => listening));
  }

  /** Tells all workers the limits, and whether to tell of each step, as they are now. */
  configure(): void {
    for (const { worker } of this.#places) if (worker) this.#configure(worker);
  }

  counts(): AdmissionCounts {
    const all = this.#places.flatMap(({ worker }) => worker?.counts ?? []);
    return total([this.#ended, ...all]);
  }

  close(): Promise<void> {
    if (!this.#isClosing) closeDescriptor(this.#fd);
    this.#isClosing = true;
    for (const place of this.#places) {
      clearTimeout(place.pause);
      place.worker?.tell({ kind: 'close' });
    }
    return new Promise(resolve => {
      this.#onEmpty = resolve;
      this.#checkEmpty();
    });
  }

  closeConnections(): void {
    for (const { worker } of this.#places) worker?.tell({ kind: 'end' });
  }

  #fill(place: Place): void {
    const startedMs = performance.now();
    place.listening = new Promise(resolve => {
      const onEnded = (how: string) => {
        resolve();
        // One that could not be started may say so twice.
        if (place.isOver) return;
        place.isOver = true;
        const { worker } = place;
        place.worker = undefined;
        this.#ended = { ...total([this.#ended, ...(worker?.counts ? [worker.counts] : [])]), connections: 0 };
        if (!this.#isClosing) this.#replace(place, how, performance.now() - startedMs);
        this.#checkEmpty();
      };
      place.isOver = false;
      try {
        place.worker = this.#start(resolve, onEnded);
        this.#configure(place.worker);
      } catch (error) {
        // No memory, most likely, or no descriptors: the server itself goes on.
        onEnded(describeError(error));
      }
    });
  }

  #start(onListening: () => void, onEnded: (how: string) => void): Worker {
    const { log, priority, ask } = this.#service;
    return new Worker({ listenFd: this.#fd, priority, log, ask, onListening, onEnded });
  }

  #replace(place: Place, how: string, livedMs: number): void {
    if (livedMs >= PROVEN_MS) place.pauseMs = FIRST_PAUSE_MS;
    this.#service.log.error(
      `worker ${place.number} has ended (${how}): its connections are lost; another is started in ${place.pauseMs / 1000} s`,
    );
    place.pause = setTimeout(() => this.#fill(place), place.pauseMs);
    place.pauseMs = Math.min(place.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #configure(worker: Worker): void {
    const limits = this.#service.limits();
    // Each has its share: together they are what is allowed.
    const share = (number: number) => Math.ceil(number / this.#places.length);
    worker.tell({
      kind: 'configure',
      limits: {
        greetingTimeoutMs: limits.greetingTimeoutMs,
        handshakeTimeoutMs: limits.handshakeTimeoutMs,
        maxGreetingBytes: limits.maxGreetingBytes,
        maxConnections: share(limits.maxConnections),
        maxConnectionsPerAddress: share(limits.maxConnectionsPerAddress),
        maxFailedHandshakes: share(limits.maxFailedHandshakes),
        allow: limits.allow,
        deny: limits.deny,
        linkLocalOnly: limits.linkLocalOnly,
      },
      logLevel: LOG_LEVELS.findLast(level => this.#service.log.isEnabled(level)) ?? 'critical',
    });
  }

  #checkEmpty(): void {
    if (this.#isClosing && this.#places.every(({ worker }) => !worker)) this.#onEmpty?.();
  }
}

/** What one worker after another is in. */
interface Place {
  readonly number: number;
  pauseMs: number;
  pause?: NodeJS.Timeout;
  worker?: Worker | undefined;
  /** Its worker has ended, or could not be started. */
  isOver?: boolean;
  listening: Promise<void>;
}

function total(all: readonly AdmissionCounts[]): AdmissionCounts {
  const sums = { connections: 0, admitted: 0, refused: { ...NO_COUNTS.refused } };
  for (const { connections, admitted, refused } of all) {
    sums.connections += connections;
    sums.admitted += admitted;
    for (const code of ADMISSION_CODES) sums.refused[code] += refused[code];
  }
  return sums;
}
