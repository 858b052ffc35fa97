import { writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type { LogLevel } from '../../../common/log.js';
import { createLog } from '../../../common/log.js';
import { forbidDumps, setCapabilities } from '../../../common/libc-process.js';
import { after } from '../../../common/timer.js';
import { TlsContext } from '../../../common/tls/tls-context.js';
import { Admission } from '../admission.js';
import type { Answer, AskedRequest } from '../connection.js';
import type { Listener } from '../listener.js';
import { listen } from '../listener.js';
import { RefusalLog } from '../refusal-log.js';
import { Channel } from './channel.js';
import type { FromWorker, ToWorker, WorkerLimits } from './protocol.js';
import { CHANNEL_FD, LISTEN_FD, monotonicMs } from './protocol.js';

/*
 * A process that serves connections for the server; workers.ts starts it with the GnuTLS priority string. It proves keys
 * and sends what it is given. It has no clients, no state and no file: who may have what, the server decides.
 *
 * It ends when the server does.
 */

/** How often the server is told how many connections there are, at most. */
const COUNTS_MS = 500;
/** Before the server itself, when the system is out of memory: it is started again, and nothing is lost. */
const OOM_SCORE_ADJUSTMENT = '500';

const [priority = ''] = process.argv.slice(2);
let limits: WorkerLimits | undefined;
let logLevel: LogLevel = 'info';
let listener: Listener | undefined;
const asked = new Map<number, (answer: Answer) => void>();
let lastId = 0;

// Messages for machines pass here, and checkers run as the same user.
// It needs no right of the server's.
setCapabilities(0, 0);
forbidDumps();
try {
  writeFileSync('/proc/self/oom_score_adj', OOM_SCORE_ADJUSTMENT);
} catch {
  // Not every sandbox lets it be written; then the kernel chooses by size.
}
// Signals to the whole group or service are the server's to obey.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)
  process.on(signal, () => {});

const nowMs = () => performance.now();
const log = createLog({ write: (level, line) => tell({ kind: 'log', level, line }) }, () => logLevel);
const refusals = new RefusalLog(log, { nowMs, after });
const context = new TlsContext(priority);
const socket = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
const channel = new Channel<FromWorker>(socket, hear, () => process.exit(0));

function tell(message: FromWorker): void {
  channel.tell(message);
}

function hear(message: ToWorker): void {
  switch (message.kind) {
    case 'configure':
      ({ limits, logLevel } = message);
      if (!listener) start(message.limits);
      return;
    case 'release':
      asked.get(message.id)?.(releaseOf(message));
      return;
    case 'refuse': {
      const client = message.name === undefined ? undefined : { settings: { name: message.name } };
      asked.get(message.id)?.({ kind: 'refuse', client, reason: message.reason });
      return;
    }
    case 'close':
      void listener?.close().then(() => channel.end());
      return;
    case 'end':
      listener?.closeConnections();
      return;
  }
}

/** What was decided long ago, while this process was stopped, may not hold any more: the client asks again. */
function releaseOf({ name, secret, untilMs }: Extract<ToWorker, { kind: 'release' }>): Answer {
  if (monotonicMs() > untilMs) {
    return {
      kind: 'refuse',
      client: { settings: { name } },
      reason: `the release of client ${name} came too late`,
    };
  }
  return { kind: 'release', client: { settings: { name, secret: Buffer.from(secret, 'base64') } } };
}

function start(initial: WorkerLimits): void {
  const current = () => limits ?? initial;
  const admission = new Admission(current, nowMs);
  const target = { fd: LISTEN_FD, name: "the server's socket" };
  listener = listen(target, { context, log, refusals, admission, limits: current, ask });
  tell({ kind: 'listening' });
  let told = '';
  setInterval(() => {
    const counts = admission.counts();
    const text = JSON.stringify(counts);
    if (text !== told) tell({ kind: 'counts', counts });
    told = text;
  }, COUNTS_MS).unref();
}

function ask(keyId: string, { address, port }: { address: string; port: number }): AskedRequest {
  const id = ++lastId;
  const verdict = new Promise<Answer>(resolve => asked.set(id, resolve));
  const end = (kind: 'sent' | 'over') => {
    if (asked.delete(id)) tell({ kind, id });
  };
  tell({ kind: 'ask', id, keyId, address, port });
  return { verdict, sent: () => end('sent'), close: () => end('over') };
}
