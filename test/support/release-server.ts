import type { TestContext } from 'node:test';
import { createLog } from '../../common/log.js';
import { SERVER_PRIORITY } from '../../common/protocol.js';
import { TlsContext } from '../../common/tls/tls-context.js';
import type { Client } from '../../server/client/client.js';
import { createClient } from '../../server/client/client.js';
import type { ClientSettings } from '../../server/client/settings.js';
import { Registry } from '../../server/client/registry.js';
import { Ledger } from '../../server/client/ledger.js';
import type { Peer } from '../../server/client/events.js';
import type { RequestEffects } from '../../server/client/requests.js';
import { Requests } from '../../server/client/requests.js';
import { after } from '../../common/timer.js';
import type { ServerLimits } from '../../server/config/limits.js';
import { DEFAULT_LIMITS } from '../../server/config/limits.js';
import { logEvents } from '../../server/event-log.js';
import { openBoundSocket } from '../../server/host/bound-socket.js';
import { Admission } from '../../server/release/admission.js';
import type { Listener } from '../../server/release/listener.js';
import { listen } from '../../server/release/listener.js';
import { RefusalLog } from '../../server/release/refusal-log.js';
import { WorkersListener } from '../../server/release/workers/workers.js';

/** A listener in this process on loopback, with what it logs. */
export interface ReleaseServer {
  readonly port: number;
  readonly lines: readonly string[];
  /** Names of the clients whose secret was sent, in order. */
  readonly released: readonly string[];
  readonly registry: Registry;
  readonly requests: Requests;
  /** Whoever changes them tells the listener. */
  readonly limits: { -readonly [K in keyof ServerLimits]: ServerLimits[K] };
  readonly listener: Listener;
  /** Resolves with the first line, past or future, that matches. */
  waitForLine(pattern: RegExp): Promise<string>;
}

export function startReleaseServer(
  t: TestContext,
  clients: Client[],
  { closeTimeoutMs, workers = 1, ...changes }: Partial<ServerLimits> & { closeTimeoutMs?: number } = {},
): ReleaseServer {
  const lines: string[] = [];
  const released: string[] = [];
  const waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];
  const log = createLog(
    {
      write(level, message) {
        const line = `${level}: ${message}`;
        lines.push(line);
        for (const { pattern, resolve } of waiting) if (pattern.test(line)) resolve(line);
      },
    },
    'debug',
  );
  const registry = new Registry(clients);
  const ledger = new Ledger(registry, { write: () => Promise.resolve() }, log, { after });
  const requests = new Requests(registry, ledger, log, { ...REQUEST_EFFECTS, nowMs: Date.now, after });
  registry.events.subscribe(logEvents(log));
  registry.events.subscribe(event => {
    if (event.kind === 'released') released.push(event.client.settings.name);
  });
  const context = new TlsContext(SERVER_PRIORITY);
  const limits: ServerLimits = { ...DEFAULT_LIMITS, ...changes };
  const admission = new Admission(() => limits, Date.now);
  const { fd } = openBoundSocket('::1', 0, undefined, 0);
  const target = { fd, name: '[::1]:0' };
  const common = {
    log,
    limits: () => limits,
    ask: (keyId: string, peer: Peer) => requests.ask(keyId, peer),
  };
  const listener =
    workers > 1
      ? new WorkersListener(workers, target, { ...common, priority: SERVER_PRIORITY })
      : listen(target, {
          ...common,
          context,
          admission,
          refusals: new RefusalLog(log, { nowMs: Date.now, after }),
          ...(closeTimeoutMs === undefined ? {} : { closeTimeoutMs }),
        });
  t.after(async () => {
    const closed = listener.close();
    listener.closeConnections();
    await closed;
    context.close();
  });
  return {
    port: listener.port,
    lines,
    released,
    registry,
    requests,
    limits,
    listener,
    waitForLine(pattern) {
      const past = lines.find(line => pattern.test(line));
      return past === undefined
        ? new Promise(resolve => waiting.push({ pattern, resolve }))
        : Promise.resolve(past);
    },
  };
}

/** Of requests, where they do not matter: a Monday's midnight, and machines that are down. */
export const REQUEST_EFFECTS: Omit<RequestEffects, 'nowMs' | 'after'> = {
  minuteOfWeek: () => 0,
  checkNow: () => Promise.resolve({ kind: 'exited', status: 1 }),
  maxPendingApprovals: () => 8,
};

/** A client of the heart with test defaults. */
export function makeClient(name: string, keyId: string, secret: Uint8Array, enabled = true): Client {
  return createClient({ ...TEST_SETTINGS, name, keyId, secret, enabled }, Date.now(), 0);
}

/** What clients.conf says by default, but for a checker that does nothing. */
export const TEST_SETTINGS: ClientSettings = {
  name: 'client1',
  keyId: 'ab'.repeat(32),
  fingerprint: undefined,
  secret: Buffer.from('secret'),
  host: 'client1.example.org',
  checker: ':',
  timeoutMs: 300_000,
  extendedTimeoutMs: 900_000,
  intervalMs: 120_000,
  approvalDelayMs: 0,
  approvalDurationMs: 1000,
  approvedByDefault: true,
  enabled: true,
  releaseCheck: 'off',
  maxReleases: 0,
  releaseWindow: '',
};
