import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../support/child.js';

/** What a test has to offer to be cleaned up after. */
export interface Cleanup {
  after(hook: () => void): void;
}

/** A directory that goes with the test, and that everybody may pass. */
export function temporaryDirectory(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'plugins-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface Scene {
  /** Shell commands that come first, as root. */
  readonly setup?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A program on a terminal of its own, and what becomes of that. It has a /run of its own and sees no processes but its
 * own, so that no other test's plymouthd is there.
 */
export class AtTerminal {
  readonly #child: Child;
  readonly #out: string;
  #seen = 0;

  constructor(t: Cleanup, command: readonly string[], { setup = '', env = {} }: Scene = {}) {
    const directory = temporaryDirectory(t);
    this.#out = join(directory, 'out');
    const script = join(directory, 'scene.sh');
    writeFileSync(
      script,
      `mount -t tmpfs none /run
${setup}
stty sane; before=$(stty -g)
trap : INT
${Object.entries(env)
  .map(([name, value]) => `export ${name}=${quote(value)}`)
  .join('\n')}
sh -c 'exec "$@" > "$0"' ${[this.#out, ...command].map(quote).join(' ')}
status=$?
[ "$(stty -g)" = "$before" ] && echo "terminal kept, status $status" || echo "terminal changed, status $status"
`,
    );
    const shell = `exec unshare --mount --pid --fork --kill-child --mount-proc sh ${quote(script)}`;
    this.#child = new Child('script', ['--quiet', '--echo=always', '--command', shell, '/dev/null'], {
      keepInputOpen: true,
      env: { SHELL: '/bin/sh', TERM: 'dumb', NO_COLOR: '1' },
    });
    t.after(() => this.#child.kill());
  }

  /** All that the terminal has shown. */
  get output(): string {
    return this.#child.output;
  }

  /** Waits for a text behind the last one waited for. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    const found = await this.#child.waitForOutput(pattern, undefined, this.#seen);
    this.#seen += found.index + found[0].length;
    return found;
  }

  type(text: string | Uint8Array): void {
    this.#child.stdin.write(text);
  }

  /** Sends a signal to the program itself. */
  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name);
  }

  /** Of the program. */
  get pid(): number {
    let [pid, depth] = [this.#child.pid, 0];
    // script, unshare, the scene's shell, the program.
    for (; depth < 3; depth++) pid = childOf(pid);
    return pid;
  }

  /** @returns the exit status as a shell sees it; the terminal must be as it was before */
  async status(): Promise<number> {
    const [, how, status] = await this.waitFor(/terminal (kept|changed), status (\d+)/);
    assert.equal(how, 'kept', this.output);
    return Number(status);
  }

  /** What the program has printed on standard output. */
  password(): string {
    return readFileSync(this.#out, 'latin1');
  }
}

function childOf(pid: number): number {
  const [child = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  // 0 would be this process's own group.
  assert.match(child, /^\d+$/, `process ${pid} has no child`);
  return Number(child);
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
