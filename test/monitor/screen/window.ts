import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Child } from '../../support/child.js';
import { DEFAULT_WAIT_MS } from '../../support/child.js';
import type { Host } from '../../support/namespace.js';

const execute = promisify(execFile);

export const MONITOR = join(import.meta.dirname, '../../../monitor/mandos-monitor.js');

/** How often a screen is looked at for what is waited for. */
const POLL_MS = 50;

export interface WindowOptions {
  readonly columns?: number;
  readonly rows?: number;
  /** Default: the monitor. */
  readonly command?: readonly string[];
  /** For env(1). */
  readonly env?: Readonly<Record<string, string>>;
}

/** A terminal multiplexer on a host: what runs in its windows is in the host's namespace. */
export class Terminals {
  readonly #socket: string;
  readonly #directory: string;
  readonly #child: Child;
  #windows = 0;

  private constructor(host: Host, socket: string) {
    this.#socket = socket;
    this.#directory = host.runDirectory;
    this.#child = host.spawn('tmux', ['-S', socket, '-f', '/dev/null', '-D'], {
      env: { TMUX: undefined, TMUX_PANE: undefined, NO_COLOR: undefined, COLORTERM: undefined },
    });
  }

  static async open(host: Host): Promise<Terminals> {
    const terminals = new Terminals(host, join(host.runDirectory, 'tmux'));
    const endMs = Date.now() + DEFAULT_WAIT_MS;
    for (;;) {
      try {
        await terminals.tmux('show-options', '-s');
        return terminals;
      } catch (error) {
        if (Date.now() > endMs) throw new Error(`no tmux; ${terminals.#child.tail()}`, { cause: error });
        await sleep(POLL_MS);
      }
    }
  }

  async tmux(...args: string[]): Promise<string> {
    return (await execute('tmux', ['-S', this.#socket, ...args])).stdout;
  }

  /** Opens a window with a program in it, by default the monitor. */
  async window(options: WindowOptions = {}): Promise<Window> {
    const { columns = 80, rows = 24, command = [process.execPath, MONITOR] } = options;
    const env = { TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', ...options.env };
    const name = `w${++this.#windows}`;
    const size = ['-x', String(columns), '-y', String(rows)];
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    // Nothing is written before it is recorded, and what is left on the terminal can be seen afterwards.
    const output = join(this.#directory, `${name}.output`);
    const script =
      'read -r go; stty -a >"$0.before"; "$@"; echo "ended: $?"; stty -a >"$0.after"; read -r end';
    await this.tmux(
      'new-session',
      '-d',
      '-s',
      name,
      ...size,
      'sh',
      '-c',
      script,
      output,
      'env',
      ...variables,
      ...command,
    );
    await this.tmux('pipe-pane', '-t', name, `cat >'${output}'`);
    await this.tmux('send-keys', '-t', name, 'Enter');
    return new Window(this, name, output);
  }
}

export class Window {
  readonly #terminals: Terminals;
  readonly #name: string;
  readonly #output: string;

  constructor(terminals: Terminals, name: string, output: string) {
    this.#terminals = terminals;
    this.#name = name;
    this.#output = output;
  }

  /** What is on the screen. @param escapes with the sequences that colour it */
  async text(escapes = false): Promise<string> {
    return await this.#terminals.tmux('capture-pane', '-p', ...(escapes ? ['-e'] : []), '-t', this.#name);
  }

  /** Waits until the screen shows, or does not show, something. */
  async waitFor(pattern: RegExp, shown = true): Promise<RegExpExecArray | undefined> {
    const endMs = Date.now() + DEFAULT_WAIT_MS;
    for (;;) {
      const text = await this.text();
      const found = pattern.exec(text);
      if ((found !== null) === shown) return found ?? undefined;
      if (Date.now() > endMs)
        assert.fail(`the screen ${shown ? 'never' : 'always'} shows ${pattern}:\n${text}`);
      await sleep(POLL_MS);
    }
  }

  /** Presses keys, by tmux's names for them. */
  async keys(...keys: string[]): Promise<void> {
    await this.#terminals.tmux('send-keys', '-t', this.#name, ...keys);
  }

  /** Sends bytes as they are: what a terminal sends for the mouse. */
  async bytes(text: string): Promise<void> {
    await this.#terminals.tmux('send-keys', '-t', this.#name, '-l', text);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#terminals.tmux('resize-window', '-t', this.#name, '-x', String(columns), '-y', String(rows));
  }

  /** All that was written to the terminal so far; it may lag behind what is seen. */
  written(): string {
    return readFileSync(this.#output, 'latin1');
  }

  /** Waits until the bell has rung. @returns how often it has */
  async bells(): Promise<number> {
    const endMs = Date.now() + DEFAULT_WAIT_MS;
    for (;;) {
      const count = this.written().split('\x07').length - 1;
      if (count > 0) return count;
      if (Date.now() > endMs) assert.fail('the bell never rings');
      await sleep(POLL_MS);
    }
  }

  /** The process ID of the program in the window. */
  async pid(): Promise<number> {
    const shell = await this.#terminals.tmux('display-message', '-p', '-t', this.#name, '#{pane_pid}');
    const { stdout } = await execute('ps', ['-o', 'pid=', '--ppid', shell.trim()]);
    return Number(stdout.trim());
  }

  /** Waits until the program has ended, and says how it left the terminal. */
  async end(): Promise<{ status: number; isRestored: boolean }> {
    const [, status] = (await this.waitFor(/^ended: (\d+)$/m)) ?? [];
    const flags = ['alternate_on', 'cursor_flag', 'wrap_flag', 'mouse_any_flag', 'mouse_sgr_flag'];
    const state = await this.#terminals.tmux(
      'display-message',
      '-p',
      '-t',
      this.#name,
      flags.map(flag => `#{${flag}}`).join(' '),
    );
    const settings = (when: string) => readFileSync(`${this.#output}.${when}`, 'utf8');
    return {
      status: Number(status),
      isRestored: state.trim() === '0 1 1 0 0' && settings('before') === settings('after'),
    };
  }
}
