import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';

/** Generous: a test waits for events, and a loaded machine may be slow to bring them. */
export const DEFAULT_WAIT_MS = 60_000;

/** How long after SIGTERM a process group is killed. */
const STOP_GRACE_MS = 10_000;

/** How long the output of an ended process is awaited when a grandchild still holds its pipes. */
const DRAIN_MS = 2_000;

/** How much of the output an error quotes. */
const TAIL_CHARS = 4_000;

export interface Exit {
  /** Exit status, or null when ended by a signal. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnOptions {
  /** Added to the environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Given on standard input, which is then closed. */
  readonly input?: string | Uint8Array;
  /** Standard input stays open, for the test to write to. */
  readonly keepInputOpen?: boolean;
}

/** A process under test, the leader of its own process group, with all its output. */
export class Child {
  readonly pid: number;
  /** Settles when the process has ended and its output is complete; never rejects. */
  readonly exited: Promise<Exit>;
  readonly stdin: ChildProcessWithoutNullStreams['stdin'];
  readonly #title: string;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  #output = '';
  #exit: Exit | undefined;
  #stopping = false;
  readonly #watchers = new Set<() => void>();

  constructor(command: string, args: readonly string[], options: SpawnOptions, title?: string) {
    this.#title = title ?? [command, ...args].join(' ');
    const process_ = spawn(command, args, {
      detached: true,
      stdio: 'pipe',
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
    });
    this.stdin = process_.stdin;
    // A process that ends without reading its input is no fault of the test's.
    process_.stdin.on('error', () => {});
    if (options.input !== undefined) process_.stdin.write(options.input);
    if (!options.keepInputOpen) process_.stdin.end();
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      into.push(chunk);
      this.#output += chunk.toString();
      this.#notify();
    };
    process_.stdout.on('data', collect(this.#stdout));
    process_.stderr.on('data', collect(this.#stderr));
    this.exited = new Promise(resolve => {
      const finish = (exit: Exit) => {
        this.#exit ??= exit;
        resolve(this.#exit);
        this.#notify();
      };
      process_.once('error', error => {
        this.#output += `cannot start: ${error.message}\n`;
        finish({ code: null, signal: null });
      });
      process_.once('exit', (code, signal) => {
        if (this.#stopping) this.kill();
        setTimeout(() => finish({ code, signal }), DRAIN_MS).unref();
      });
      process_.once('close', (code, signal) => finish({ code, signal }));
    });
    this.pid = process_.pid ?? 0;
  }

  /** Everything that the process wrote on standard output so far. */
  get stdoutBytes(): Buffer {
    return Buffer.concat(this.#stdout);
  }
  get stdout(): string {
    return this.stdoutBytes.toString();
  }
  get stderr(): string {
    return Buffer.concat(this.#stderr).toString();
  }
  /** Standard output and standard error in the order of their arrival. */
  get output(): string {
    return this.#output;
  }

  /**
   * Waits until the output (both streams) matches.
   * @param from where in `output` to start looking: pass an earlier `output.length` for what comes next
   * @throws when the process ends or the time is over before that; the message has the end of the output
   */
  async waitForOutput(
    pattern: RegExp,
    timeoutMs: number = DEFAULT_WAIT_MS,
    from = 0,
  ): Promise<RegExpExecArray> {
    const { promise, resolve, reject } = withResolvers<RegExpExecArray>();
    const fail = (what: string) => reject(new Error(`${this.#title}: ${what} ${pattern}; ${this.tail()}`));
    const timer = setTimeout(() => fail(`no output in ${timeoutMs} ms that matches`), timeoutMs);
    const look = () => {
      const found = pattern.exec(this.#output.slice(from));
      if (found) resolve(found);
      else if (this.#exit) fail(`ended (${exitText(this.#exit)}) without output that matches`);
    };
    this.#watchers.add(look);
    try {
      look();
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#watchers.delete(look);
    }
  }

  /** The end of the process, or an error when it is still there after the time-out. */
  async waitForExit(timeoutMs: number = DEFAULT_WAIT_MS): Promise<Exit> {
    const { promise, reject } = withResolvers<never>();
    const late = () =>
      reject(new Error(`${this.#title}: still running after ${timeoutMs} ms; ${this.tail()}`));
    const timer = setTimeout(late, timeoutMs);
    try {
      return await Promise.race([this.exited, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Ends the process with `signal`, and with SIGKILL when that does not help; then the rest of its group. Does nothing
   * when it has ended by itself: its group's number may be another's by now.
   */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.#stopping = true;
    this.signal(signal);
    const timer = setTimeout(() => this.kill(), STOP_GRACE_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** Sends a signal to the process alone. */
  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) send(this.pid, signal);
  }

  /** Kills the process and its whole group at once. */
  kill(): void {
    if (!this.#exit) send(-this.pid, 'SIGKILL');
  }

  /** For messages: how the output ends. */
  tail(): string {
    return `its output ends:\n${this.#output.slice(-TAIL_CHARS)}`;
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  if (pid === 0) return; // never started; 0 would be our own group
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

function exitText({ code, signal }: Exit): string {
  return signal ?? `status ${code ?? 'unknown'}`;
}

/** Promise.withResolvers, which Node 20 does not have. */
function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
