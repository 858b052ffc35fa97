import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describeError, MandosError } from '../../../common/errors.js';
import type { Log } from '../../../common/log.js';
import type { AdmissionCounts } from '../admission.js';
import type { Answer, AskedRequest, ReleaseService } from '../connection.js';
import { Channel } from './channel.js';
import type { FromWorker, ToWorker } from './protocol.js';
import { CHANNEL_FD, LISTEN_FD, monotonicMs } from './protocol.js';

const PROGRAM = fileURLToPath(new URL('worker-process.js', import.meta.url));
/** How long a release holds on its way to the worker that sends it. One that is stopped meanwhile does not send it. */
const RELEASE_HOLDS_MS = 1_000;

export interface WorkerOptions {
  /** Of the socket that it accepts connections from. */
  readonly listenFd: number;
  /** GnuTLS priority string. */
  readonly priority: string;
  readonly log: Log;
  readonly ask: ReleaseService['ask'];
  readonly onListening: () => void;
  /** It has ended, in whatever way; in words. */
  readonly onEnded: (how: string) => void;
}

/** A process that serves connections, from outside. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #child: ChildProcess;
  readonly #channel: Channel<ToWorker>;
  readonly #requests = new Map<number, AskedRequest>();
  #counts: AdmissionCounts | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const stdio: ('ignore' | 'inherit' | 'pipe' | number)[] = ['ignore', 'ignore', 'inherit'];
    stdio[CHANNEL_FD] = 'pipe';
    stdio[LISTEN_FD] = options.listenFd;
    const flags = ['--max-semi-space-size=2'];
    this.#child = spawn(process.execPath, [...flags, PROGRAM, options.priority], {
      env: {},
      cwd: '/',
      stdio,
    });
    // Before anything else: without descriptors there are no channels, and the error comes as an event.
    this.#child.once('error', error => this.#end(describeError(error)));
    const channel = (this.#child.stdio as readonly unknown[] | undefined)?.[CHANNEL_FD] as Duplex | undefined;
    if (!channel) throw new MandosError('WORKER', 'it cannot be given its channel: too many open files');
    this.#channel = new Channel<ToWorker>(
      channel,
      (message: FromWorker) => this.#hear(message),
      () => this.#closeRequests(),
    );
    this.#child.once('exit', (status, signal) => this.#end(signal ?? `exit status ${status}`));
  }

  /** As it has told them last. */
  get counts(): AdmissionCounts | undefined {
    return this.#counts;
  }

  tell(message: ToWorker): void {
    this.#channel.tell(message);
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'listening':
        return this.#options.onListening();
      case 'ask':
        return this.#ask(message);
      case 'sent':
      case 'over': {
        const request = this.#requests.get(message.id);
        if (message.kind === 'sent') request?.sent();
        request?.close();
        this.#requests.delete(message.id);
        return undefined;
      }
      case 'log':
        return this.#options.log[message.level](message.line);
      case 'counts':
        this.#counts = message.counts;
    }
  }

  #ask({ id, keyId, address, port }: Extract<FromWorker, { kind: 'ask' }>): void {
    const request = this.#options.ask(keyId, { address, port });
    this.#requests.set(id, request);
    void request.verdict.then(verdict => this.tell(answerOf(id, verdict)));
  }

  /** Its connections are gone with it. */
  #closeRequests(): void {
    for (const request of this.#requests.values()) request.close();
    this.#requests.clear();
  }

  #end(how: string): void {
    this.#closeRequests();
    this.#options.onEnded(how);
  }
}

function answerOf(id: number, verdict: Answer): ToWorker {
  if (verdict.kind === 'refuse') {
    return { kind: 'refuse', id, name: verdict.client?.settings.name, reason: verdict.reason };
  }
  const { name, secret } = verdict.client.settings;
  const untilMs = monotonicMs() + RELEASE_HOLDS_MS;
  return { kind: 'release', id, name, secret: Buffer.from(secret).toString('base64'), untilMs };
}
