import { constants } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Answer, Request, WriterOptions } from './writer-protocol.js';

const { errno } = constants;
/** Of the thread's memory for young objects: what it has works on one batch. */
const YOUNG_MB = 8;

/** The thread that writes the state, from outside. */
export class Writer {
  readonly #options: WriterOptions;
  #worker: Worker | undefined;
  #pending: { resolve(opened: boolean): void; reject(error: Error): void } | undefined;

  /** Starts the thread, so that it is there when it is needed. */
  constructor(path: string) {
    this.#options = { path };
    this.#start();
  }

  /**
   * To be called again only when the last call has settled.
   * @returns whether the database has been opened for that
   * @throws Error, with the system's code and number where it has one
   */
  ask(request: Request): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      const worker = this.#worker ?? this.#start();
      worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
      worker.postMessage(request);
    });
  }

  /** Ends the thread; resolves when it has ended. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const ended = new Promise(resolve => worker.once('exit', resolve));
    await this.ask({ kind: 'close' });
    worker.ref();
    await ended;
  }

  #start(): Worker {
    const worker = new Worker(new URL('writer-thread.js', import.meta.url), {
      workerData: this.#options,
      env: {},
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    // It keeps the process alive only while it works.
    worker.unref();
    worker.on('message', (answer: Answer) => {
      worker.unref();
      const pending = this.#pending;
      this.#pending = undefined;
      if (answer.kind === 'done') pending?.resolve(answer.opened);
      else pending?.reject(toError(answer));
    });
    const failed = (error: Error) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      const pending = this.#pending;
      this.#pending = undefined;
      pending?.reject(error);
    };
    worker.on('error', failed);
    worker.on('exit', () => failed(new Error('the thread that writes has ended')));
    this.#worker = worker;
    return worker;
  }
}

/** The error as it was in the thread. */
function toError({ message, code }: Extract<Answer, { kind: 'failed' }>): Error {
  const number = errno[code as keyof typeof errno];
  return Object.assign(new Error(message), number === undefined ? {} : { code, errno: -number });
}
