import type { ChildProcess, StdioOptions } from 'node:child_process';
import { fork } from 'node:child_process';
import { accessSync, constants as fileConstants } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describeError, MandosError } from '../../common/errors.js';
import type { Answer, Done, Request } from './writer-protocol.js';
import { LOCK_FD } from './writer-protocol.js';

const { errno } = constants;
const PROGRAM = fileURLToPath(new URL('writer-process.js', import.meta.url));

/** The process that writes the state, from outside. One that has failed is ended, and another is started when needed. */
export class Writer {
  readonly #path: string;
  readonly #lockFd: number;
  #child: ChildProcess | undefined;
  #pending: { resolve(done: Done): void; reject(error: Error): void } | undefined;

  /** @param lockFd the directory's lock, which the process shares: until it has ended, the directory is in use */
  constructor(path: string, lockFd: number) {
    this.#path = path;
    this.#lockFd = lockFd;
    // At once, so that it is there when it is needed.
    this.#child = this.#start();
  }

  /**
   * To be called again only when the last call has settled.
   * @throws Error, with the system's code and number where it has one
   */
  async ask(request: Request): Promise<Done> {
    const child = (this.#child ??= this.#start());
    setReferenced(child, true);
    try {
      const done = await new Promise<Done>((resolve, reject) => {
        this.#pending = { resolve, reject };
        child.send(request, error => {
          if (error) this.#failed(child, error);
        });
      });
      setReferenced(child, false);
      return done;
    } catch (error) {
      await this.#end(child, 'SIGKILL');
      throw error;
    }
  }

  /** Ends the process; resolves when it has ended. */
  async close(): Promise<void> {
    if (this.#child) await this.#end(this.#child);
  }

  #start(): ChildProcess {
    const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', 'ipc'];
    stdio[LOCK_FD] = this.#lockFd;
    const child = fork(PROGRAM, [this.#path], {
      env: {},
      execArgv: [],
      serialization: 'advanced',
      stdio,
    });
    // It keeps the server alive only while it works.
    setReferenced(child, false);
    child.on('message', (answer: Answer) => {
      // The last words of one that has ended may come after that, and are no answer to what another was asked.
      if (this.#child !== child) return;
      const pending = this.#pending;
      this.#pending = undefined;
      if (answer.kind === 'done') pending?.resolve(answer);
      else pending?.reject(toError(answer));
    });
    child.on('error', error => this.#failed(child, error));
    child.on('exit', (status, signal) => {
      this.#failed(child, new Error(`the process that writes has ended (${signal ?? `status ${status}`})`));
    });
    return child;
  }

  #failed(child: ChildProcess, error: Error): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(error);
  }

  async #end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
    if (this.#child === child) this.#child = undefined;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const ended = new Promise(resolve => child.once('exit', resolve));
    if (signal) child.kill(signal);
    else if (child.connected) child.disconnect();
    await ended;
  }
}

/**
 * The server has given up root by now, and another process has none of what it has read before.
 * @throws MandosError STATE when the program of a Writer cannot be read
 */
export function checkWriterProgram(program: string = PROGRAM): void {
  try {
    accessSync(program, fileConstants.R_OK);
  } catch (error) {
    const advice =
      'install mandos where the user that the server runs as may read it, which is not below /root';
    throw new MandosError('STATE', `${program}: cannot be read: ${describeError(error)}; ${advice}`, {
      cause: error,
    });
  }
}

function setReferenced(child: ChildProcess, referenced: boolean): void {
  if (referenced) {
    child.ref();
    child.channel?.ref();
  } else {
    child.unref();
    child.channel?.unref();
  }
}

/** The error as it was in the process. */
function toError({ message, code }: Extract<Answer, { kind: 'failed' }>): Error {
  const number = errno[code as keyof typeof errno];
  return Object.assign(new Error(message), number === undefined ? {} : { code, errno: -number });
}
