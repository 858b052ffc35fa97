import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { describeError } from '../../common/errors.js';
import type { Log } from '../../common/log.js';
import type { CheckOutcome } from '../client/client.js';
import { logLines } from './output-lines.js';

/** A check under way. */
export interface RunningCheck {
  /** What the shell is given, or would be. */
  readonly command: string;
  /** Never rejects. */
  readonly done: Promise<CheckOutcome>;
  /** Ends the check; `done` settles soon. Does nothing when it has ended. */
  stop(): void;
}

/** How long a checker that is told to end may take to tidy up. Nobody waits for it: its client has gone on. */
const STOP_GRACE_MS = 2_000;

/** What a shell says of a command that it cannot find. */
const NOT_STARTED: CheckOutcome = { kind: 'exited', status: 127 };

/**
 * Runs checker commands as mandos-clients.conf(5) says: by `/bin/sh -c`, the output ignored. Each has a session of its
 * own, `/` as its directory and nothing on standard input.
 *
 * A server that is killed outright cannot stop its checkers. systemd then does, with the rest of the unit's control
 * group; without systemd they run to their own end.
 */
export class ShellRunner {
  readonly #log: Log;
  #failing = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Starts a checker. With debug messages on, what it says is logged. Its `stop` reaches all its children too, save
   * those that have made a session of their own.
   * @param command after expansion
   * @param name the client's, for the log
   * @returns with exit status 127 when no shell can be started: too many processes or files, no memory
   */
  run(command: string, name: string): RunningCheck {
    let child: ChildProcess | undefined;
    let running = true;
    let grace: NodeJS.Timeout | undefined;
    const ended = new Promise<CheckOutcome>((resolve, reject) => {
      child = this.#spawn(command, name);
      child.once('error', reject);
      child.once('exit', (status, signal) => resolve(toOutcome(status, signal)));
      // In the handler, not after `ended`: until it returns, the group's number cannot have become another's.
      child.once('exit', () => {
        running = false;
        if (grace === undefined) return;
        clearTimeout(grace);
        signalGroup(child, 'SIGKILL');
      });
    });
    const done = ended.then(
      outcome => {
        this.#report(undefined, name);
        return outcome;
      },
      error => {
        running = false;
        this.#report(error, name);
        return NOT_STARTED;
      },
    );
    const stop = () => {
      if (!running || grace) return;
      signalGroup(child, 'SIGTERM');
      grace = setTimeout(() => signalGroup(child, 'SIGKILL'), STOP_GRACE_MS);
    };
    return { command, done, stop };
  }

  #spawn(command: string, name: string): ChildProcess {
    // /dev/null when nobody reads: a checker must never wait for its output to be taken.
    const output = this.#log.isEnabled('debug') ? 'pipe' : 'ignore';
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: '/',
      detached: true,
      stdio: ['ignore', output, output],
    });
    for (const stream of [child.stdout, child.stderr] as (Socket | null | undefined)[]) {
      if (!stream) continue;
      logLines(stream, line => this.#log.debug(`[${name}] checker: ${line}`));
      // What a checker leaves in the background may hold the pipe; that must not hold the server.
      child.once('exit', () => stream.unref());
    }
    return child;
  }

  /** Logs that shells cannot be started, and that they can again; not each of a thousand. */
  #report(error: unknown, name: string): void {
    const failing = error !== undefined;
    if (failing === this.#failing) return;
    this.#failing = failing;
    if (failing) this.#log.error(`[${name}] cannot run the checker, nor others: ${describeError(error)}`);
    else this.#log.info(`[${name}] checkers can be run again`);
  }
}

function toOutcome(status: number | null, signal: NodeJS.Signals | null): CheckOutcome {
  return signal === null
    ? { kind: 'exited', status: status ?? 0 }
    : { kind: 'killed', signal: constants.signals[signal] };
}

/** Signals the child and all in its process group. */
function signalGroup(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // None of them is left.
  }
}
