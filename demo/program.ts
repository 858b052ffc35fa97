import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';

/** Longer than any step of the demo takes, on any machine. */
const WAIT_MS = 30_000;

/** A program that the demo runs, with what it writes. */
export class Program {
  static readonly #running = new Set<Program>();

  /** Exit status; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #title: string;
  readonly #stdout: Buffer[] = [];
  #stderr = '';

  constructor(command: string, args: readonly string[], input?: Uint8Array) {
    this.#title = [command, ...args].join(' ');
    // No bus: the machine's own Avahi must never hear of the demo.
    const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/nonexistent', NO_COLOR: '1' };
    const child = spawn(command, args, { env, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.stdout?.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    Program.#running.add(this);
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', status => {
        Program.#running.delete(this);
        resolve(status);
      });
    });
    // Whoever waits hears of it; the others need not.
    this.exited.catch(() => {});
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits for a line on standard error. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${this.#title}: ${why}\n${this.#stderr}`));
      const timer = setTimeout(() => fail(`does not say ${String(pattern)}`), WAIT_MS);
      const look = () => {
        const found = pattern.exec(this.#stderr);
        if (!found) return;
        clearTimeout(timer);
        resolve(found);
      };
      this.#child.stderr?.on('data', look);
      this.#child.once('close', status => {
        clearTimeout(timer);
        fail(`ended with status ${status ?? 'none'}`);
      });
      look();
    });
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }

  static stopAll(): void {
    for (const program of Program.#running) program.stop();
  }
}

/** Runs a program to its end. @throws Error with what it wrote when it fails */
export async function runProgram(
  command: string,
  args: readonly string[],
  input?: Uint8Array,
): Promise<Program> {
  const program = new Program(command, args, input);
  const status = await program.exited;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${program.stderr}`);
  return program;
}
